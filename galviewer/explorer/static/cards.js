/* One card per component, generated from the model's parameters; the buttons that fit and undo above them.

   Slider moves are coalesced: one message is under way at a time, the latest value follows when the server has
   answered, so that a slow machine skips positions instead of falling behind. */
export function render({ model }) {
  const send = (message) => model.send_msg(message)
  const rows = new Map()
  const open = new Set()
  let waiting = null, underway = false, number = 0

  const push = () => {
    if (underway || !waiting) return
    underway = true
    send({ type: "set", number: ++number, ...waiting })
    waiting = null
  }
  const set = (column, value, phase) => {
    if (phase === "start") send({ type: "remember" })
    waiting = { column, value }
    push()
  }

  // ---- head: template, fit, undo, chi2
  const template = menu([["", "Template …"], ...model.templates.map((t) => [t, t])], "", (name) => name && send({ type: "template", name }), "Start from a template", "template")
  const measure = h("button.button", { type: "button", title: "Start values measured from the pixels", "data-test": "measure", onclick: () => send({ type: "measure" }) }, icon("ruler"), "Measure")
  const fit = h("button.button.primary", { type: "button", title: "Fit this galaxy from the present values (f)", "data-test": "fit", onclick: () => send({ type: "fit" }) }, icon("fit"), "Fit")
  const undo = h("button.button", { type: "button", title: "Undo (u)", "data-test": "undo", onclick: () => send({ type: "undo" }) }, icon("undo"), "Undo")
  const chi2nu = h("span.big.num", { "data-test": "chi2nu" })
  const chi2 = h("span.num.small.dim", { "data-test": "chi2" })
  const delta = h("span.delta.num", { "data-test": "delta" })
  const score = h("div.score", { title: "χ² over the unmasked pixels, live; the difference is to the values before the last fit, or to the last fit when sliders moved since" },
    h("span", {}, h("span.dim.small", {}, "χ²/ν "), chi2nu), chi2, delta)
  const stack = h("div.stack.scroll", { "data-test": "cards" })
  const root = h("div.cards.panel", {},
    h("div.head", {}, h("div.line", {}, template, measure), h("div.line", {}, fit, undo), score), stack)

  // ---- one parameter
  const position = (p, value) => {
    const { low, high, log } = p.range
    const t = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
    return Math.min(Math.max(t, 0), 1)
  }
  const valueAt = (p, t) => (p.range.log ? p.range.low * (p.range.high / p.range.low) ** t : p.range.low + t * (p.range.high - p.range.low))
  const SYMBOL = { r_eff: ["r", "eff"], pa: ["PA"], fwhm: ["fwhm"], beta: ["β"], slope_x: ["slope", "x"], slope_y: ["slope", "y"], boxiness: ["boxy"] }

  const parameterRow = (p) => {
    const symbol = SYMBOL[p.name] ?? [p.name]
    const about = `${p.meaning}${p.unit ? `, ${p.unit}` : ""}; bounds ${bound(p.lower)} … ${bound(p.upper)}`
    const label = h("span.label", { title: `${p.column}: ${about}` }, symbol[0], symbol[1] ? h("sub", {}, symbol[1]) : null)
    const slider = h("input", { type: "range", min: 0, max: 1, step: 0.0005, "aria-label": p.column, "data-column": p.column, title: about, disabled: p.fixed })
    const box = h("input.number.num", { type: "text", inputMode: "decimal", "aria-label": `${p.column} value`, "data-column": p.column, "data-test": "number", title: about })
    const error = h("span.err.num", { "data-test": "error", "data-column": p.column })
    const fix = h("button.iconbutton", { type: "button", title: p.fixed ? "Held fixed; click to set it free" : "Free; click to hold it fixed", "aria-label": `Fix ${p.column}`,
      "aria-pressed": String(p.fixed), "data-test": "fix", "data-column": p.column, onclick: () => send({ type: "fix", column: p.column, on: !p.fixed }) }, icon(p.fixed ? "lock" : "unlock"))
    const more = h("button.iconbutton", { type: "button", title: "Bounds and tie", "aria-label": `More of ${p.column}`, "aria-expanded": String(open.has(p.column)),
      "data-test": "more", "data-column": p.column, onclick: () => { open.has(p.column) ? open.delete(p.column) : open.add(p.column); build() } }, icon("dots"))
    let dragging = false, shown = p.value
    const show = (value) => {
      shown = value
      const t = position(p, value)
      if (!dragging) slider.value = t
      slider.style.setProperty("--fill", `${100 * t}%`)
      if (box !== box.getRootNode().activeElement) box.value = pretty(value, p.digits).replaceAll("\u2009", "")
    }
    slider.addEventListener("input", () => {
      const value = valueAt(p, Number(slider.value))
      set(p.column, value, dragging ? "move" : "start")
      dragging = true
      show(value)
    })
    slider.addEventListener("keydown", (event) => {
      const direction = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1 }[event.key]
      if (!direction) return
      event.preventDefault()
      event.stopPropagation()
      slider.value = Number(slider.value) + direction * (event.shiftKey ? 0.02 : 0.004)
      slider.dispatchEvent(new Event("input"))
      slider.dispatchEvent(new Event("change"))
    })
    slider.addEventListener("change", () => { dragging = false; send({ type: "settled", column: p.column }) })
    const typed = () => {
      const value = Number(box.value.replace("−", "-").replace(",", "."))
      if (box.value.trim() === "" || !Number.isFinite(value)) return show(shown)
      if (box.value !== pretty(shown, p.digits).replaceAll("\u2009", "")) { set(p.column, value, "start"); send({ type: "settled", column: p.column }) }
    }
    box.addEventListener("change", typed)
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") box.blur()
      if (event.key === "Escape") { show(shown); box.value = pretty(shown, p.digits).replaceAll("\u2009", ""); box.blur() }
      if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        event.preventDefault()
        const step = (event.key === "ArrowUp" ? 1 : -1) * (event.shiftKey ? 10 : 1) * 10 ** -(p.digits - 1)
        const next = shown + step
        set(p.column, next, "start")
        shown = next
        box.value = pretty(next, p.digits).replaceAll("\u2009", "")
      }
    })
    const tied = p.tie ? h("span.tied", { title: `${p.column} = ${p.tie.factor} × ${p.tie.to} + ${p.tie.offset}` }, icon("link"), tieText(p.tie)) : null
    const el = h("div.row", { "data-test": "parameter", "data-column": p.column }, label, tied ?? slider, box, error, fix, more)
    if (p.fixed || p.tie) el.classList.add("held")
    if (p.tie) box.readOnly = true
    rows.set(p.column, { show, note: (e, atBound, fixed) => {
      error.replaceChildren(atBound ? h("span.badge", { title: "The value lies on its bound" }, "bound") : e === null ? "" : `±${brief(e, 2)}`)
      error.title = e === null ? "" : `one standard deviation: ${e.toPrecision(3)}${p.unit ? " " + p.unit : ""}`
    } })
    return open.has(p.column) ? [el, detail(p)] : [el]
  }
  const bound = (v) => (v === null ? "∞" : brief(v, 4))
  const tieText = ({ to, factor, offset }) => `= ${factor === 1 ? "" : `${factor} `}${to}${offset ? (offset > 0 ? ` + ${offset}` : ` − ${-offset}`) : ""}`

  const detail = (p) => {
    const field = (value, name) => h("input.number.num", { type: "text", value: value === null ? "" : String(value), placeholder: "none", "aria-label": `${p.column} ${name}`, "data-test": name, "data-column": p.column })
    const low = field(p.lower, "lower"), high = field(p.upper, "upper")
    const bounds = () => send({ type: "bounds", column: p.column, lower: low.value.trim() === "" ? null : Number(low.value), upper: high.value.trim() === "" ? null : Number(high.value) })
    low.addEventListener("change", bounds)
    high.addEventListener("change", bounds)
    const others = model.components.flatMap((c) => c.parameters.filter((o) => o.name === p.name || o.unit === p.unit).map((o) => `${c.name}.${o.name}`)).filter((o) => o !== p.dotted)
    const to = menu([["", "not tied"], ...others.map((o) => [o, o])], p.tie?.to ?? "", () => tie(), `${p.column} tied to`, "tie")
    const factor = field(p.tie?.factor ?? 1, "factor"), offset = field(p.tie?.offset ?? 0, "offset")
    const tie = () => send({ type: "tie", column: p.column, to: to.value, factor: Number(factor.value) || 0, offset: Number(offset.value) || 0 })
    factor.addEventListener("change", () => to.value && tie())
    offset.addEventListener("change", () => to.value && tie())
    return h("div.detail", {}, h("span.whole", {}, `${p.meaning}${p.unit ? ` (${p.unit})` : ""}`),
      h("span", {}, "bounds"), low, high, h("span", {}, "tied to"), h("span.wide", {}, to),
      ...(p.tie ? [h("span", {}, "× and +"), factor, offset] : []))
  }

  // ---- cards
  const card = (c) => h("div.card", { "data-test": "card", "data-name": c.name },
    h("div.title", {}, h("span.swatch", { style: `background:${c.colour}` }), h("b", {}, c.name), h("span.kind", {}, c.title === c.name ? "" : c.title),
      h("button.iconbutton", { type: "button", title: "Duplicate", "aria-label": `Duplicate ${c.name}`, "data-test": "duplicate", onclick: () => send({ type: "duplicate", component: c.name }) }, icon("copy")),
      model.components.length > 1 ? h("button.iconbutton", { type: "button", title: "Remove", "aria-label": `Remove ${c.name}`, "data-test": "remove", onclick: () => send({ type: "remove", component: c.name }) }, icon("close")) : null),
    ...c.parameters.flatMap(parameterRow))

  const build = () => {
    const scroll = stack.scrollTop
    rows.clear()
    const add = menu([["", "Add component …"], ...model.profiles], "", (profile) => profile && send({ type: "add", profile }), "Add a component", "add")
    stack.replaceChildren(...model.components.map(card), h("div.add", {}, add,
      h("button.button.plain", { type: "button", title: "Copy the model as TOML, for galviewer fit --model", "data-test": "copy-toml", onclick: () => send({ type: "copy", as: "toml" }) }, "TOML"),
      h("button.button.plain", { type: "button", title: "Copy as Python: a script that fits this galaxy", "data-test": "copy-python", onclick: () => send({ type: "copy", as: "python" }) }, "Python")))
    stack.scrollTop = scroll
    for (const c of model.components) for (const p of c.parameters) {
      rows.get(p.column).show(p.value)
      rows.get(p.column).note(p.error, p.at_bound)
    }
    score_(model.score)
  }
  const score_ = (s) => {
    chi2nu.textContent = s.chi2_nu === null || s.chi2_nu === undefined ? "–" : brief(s.chi2_nu, 4)
    chi2.textContent = s.chi2 === null || s.chi2 === undefined ? "" : `χ² ${pretty(s.chi2, 1)}`
    const d = s.delta
    delta.style.visibility = d === null || d === undefined ? "hidden" : ""
    delta.textContent = d === null || d === undefined ? "" : `Δχ² ${d > 0 ? "+" : ""}${Math.abs(d) < 1000 ? pretty(d, 1) : pretty(d, 0)}`
    delta.className = `delta num ${d < -0.05 ? "better" : d > 0.05 ? "worse" : ""}`
  }
  const state = () => {
    fit.disabled = Boolean(model.busy) || !model.components.length
    undo.disabled = !model.undo_depth
    undo.title = `Undo (u), ${model.undo_depth} steps back`
  }
  model.on("msg:custom", (message) => {
    if (message.copied !== undefined) return void navigator.clipboard?.writeText(message.copied)
    if (message.answer !== undefined) { underway = false; push() }
    if (message.values) for (const [column, value, error, atBound] of message.values) {
      if (waiting?.column === column) continue
      rows.get(column)?.show(value)
      rows.get(column)?.note(error, atBound)
    }
    if (message.score) score_(message.score)
    template.value = ""
  })
  model.on("components", build)
  model.on("score", () => score_(model.score))
  for (const key of ["busy", "undo_depth"]) model.on(key, state)
  build(), state()
  return root
}
