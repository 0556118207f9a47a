/* One parameter's row on a card: slider, number box, error, fix, and the drawer with bounds and tie. */

const SYMBOL = {
  pa: ["PA"], alpha: ["α"], beta: ["β"], gamma: ["γ"], boxiness: ["boxy"], sharpness: ["sharp"], inclination: ["incl"],
  r_in_soft: ["soft", "in"], r_out_soft: ["soft", "out"], spiral_r_in: ["r", "in"], spiral_r_out: ["r", "out"],
  spiral_angle: ["θ", "out"], spiral_scale: ["r", "log"], spiral_pa: ["PA", "sp"],
}

/* How a parameter is written: letter and index. r_eff as r with eff, f2_phase as φ with 2, share3 as share with 3. */
function symbol(name) {
  if (SYMBOL[name]) return SYMBOL[name]
  const phase = name.match(/^f(\d)_phase$/)
  if (phase) return ["φ", phase[1]]
  const [, letter, index] = name.match(/^([a-z]+)_?(.*)$/i) ?? [null, name, ""]
  return index ? [letter, index] : [letter]
}

const bare = (value, digits) => pretty(value, digits).replaceAll("\u2009", "")
const bound = (value) => (value === null ? "∞" : brief(value, 4))
const parse = (text) => (text.trim() === "" ? NaN : Number(text.replace("−", "-").replace(",", ".")))

/* A slider's position in [0, 1] and back; equal steps are equal ratios where the range is logarithmic. */
function position({ low, high, log }, value) {
  const t = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
  return Math.min(Math.max(t, 0), 1)
}
function valueAt({ low, high, log }, t) {
  return log ? low * (high / low) ** t : low + t * (high - low)
}

function tieText({ to, factor, offset }) {
  const shift = offset ? (offset > 0 ? ` + ${offset}` : ` − ${-offset}`) : ""
  return `= ${factor === 1 ? "" : `${factor} `}${to}${shift}`
}

/* The row of parameter `p`. `set(column, value, phase)` and `send(message)` reach the server;
   `show(value)` and `note(error, atBound)` of the answer follow it. */
function parameterRow(p, { set, send, opened, toggle }) {
  const [text, index] = symbol(p.name)
  const unit = p.unit ? `, ${p.unit}` : ""
  const about = `${p.meaning}${unit}; bounds ${bound(p.lower)} … ${bound(p.upper)}`
  const label = h("span.label", { title: `${p.column}: ${about}` }, text, index ? h("sub", {}, index) : null)
  const slider = h("input", {
    type: "range", min: 0, max: 1, step: 0.0005, "aria-label": p.column, "data-column": p.column, title: about,
    disabled: p.fixed,
  })
  const box = h("input.number.num", {
    type: "text", inputMode: "decimal", "aria-label": `${p.column} value`, "data-column": p.column,
    "data-test": "number", title: about, readOnly: Boolean(p.tie),
  })
  const error = h("span.err.num", { "data-test": "error", "data-column": p.column })
  const fix = h("button.iconbutton", {
    type: "button", title: p.fixed ? "Held fixed; click to set it free" : "Free; click to hold it fixed",
    "aria-label": `Fix ${p.column}`, "aria-pressed": String(p.fixed), "data-test": "fix", "data-column": p.column,
    onclick: () => send({ type: "fix", column: p.column, on: !p.fixed }),
  }, icon(p.fixed ? "lock" : "unlock"))
  const more = h("button.iconbutton", {
    type: "button", title: "Bounds and tie", "aria-label": `More of ${p.column}`, "aria-expanded": String(opened),
    "data-test": "more", "data-column": p.column, onclick: toggle,
  }, icon("dots"))

  const at = { value: p.value, dragging: false }
  const show = (value) => {
    at.value = value
    const t = position(p.range, value)
    if (!at.dragging) slider.value = t
    slider.style.setProperty("--fill", `${100 * t}%`)
    if (box !== box.getRootNode().activeElement) box.value = bare(value, p.digits)
  }
  steerBySlider(p, slider, at, { set, send, show })
  steerByBox(p, box, at, { set, send, show })

  const tied = p.tie && h("span.tied", { title: `${p.column} ${tieText(p.tie)}` }, icon("link"), tieText(p.tie))
  const el = h("div.row", { "data-test": "parameter", "data-column": p.column },
    label, tied || slider, box, error, fix, more)
  if (p.fixed || p.tie) el.classList.add("held")
  const note = (deviation, atBound) => {
    const badge = atBound && h("span.badge", { title: "The value lies on its bound" }, "bound")
    error.replaceChildren(badge || (deviation === null ? "" : `±${brief(deviation, 2)}`))
    const words = p.unit ? ` ${p.unit}` : ""
    error.title = deviation === null ? "" : `one standard deviation: ${deviation.toPrecision(3)}${words}`
  }
  return { el, show, note }
}

function steerBySlider(p, slider, at, { set, send, show }) {
  slider.addEventListener("input", () => {
    const value = valueAt(p.range, Number(slider.value))
    set(p.column, value, at.dragging ? "move" : "start")
    at.dragging = true
    show(value)
  })
  slider.addEventListener("change", () => {
    at.dragging = false
    send({ type: "settled", column: p.column })
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
}

function steerByBox(p, box, at, { set, send, show }) {
  box.addEventListener("change", () => {
    const value = parse(box.value)
    if (!Number.isFinite(value)) return show(at.value)
    if (box.value === bare(at.value, p.digits)) return
    set(p.column, value, "start")
    send({ type: "settled", column: p.column })
  })
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") box.value = bare(at.value, p.digits)
    if (event.key === "Enter" || event.key === "Escape") box.blur()
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key]
    if (!direction || p.tie) return
    event.preventDefault()
    at.value += direction * (event.shiftKey ? 10 : 1) * 10 ** -(p.digits - 1)
    set(p.column, at.value, "start")
    box.value = bare(at.value, p.digits)
  })
}

/* Bounds and tie of a parameter; `others` are the parameters it may follow. */
function parameterDrawer(p, others, send) {
  const field = (value, name) => h("input.number.num", {
    type: "text", value: value === null ? "" : String(value), placeholder: "none",
    "aria-label": `${p.column} ${name}`, "data-test": name, "data-column": p.column,
  })
  const low = field(p.lower, "lower"), high = field(p.upper, "upper")
  const number = (input) => (input.value.trim() === "" ? null : parse(input.value))
  const bounds = () => send({ type: "bounds", column: p.column, lower: number(low), upper: number(high) })
  low.addEventListener("change", bounds)
  high.addEventListener("change", bounds)

  const factor = field(p.tie?.factor ?? 1, "factor"), offset = field(p.tie?.offset ?? 0, "offset")
  const tie = () => send({
    type: "tie", column: p.column, to: to.value, factor: parse(factor.value) || 0, offset: parse(offset.value) || 0,
  })
  const to = menu([["", "not tied"], ...others.map((o) => [o, o])], p.tie?.to ?? "", tie, `${p.column} tied to`, "tie")
  for (const input of [factor, offset]) input.addEventListener("change", () => to.value && tie())
  return h("div.detail", {},
    h("span.whole", {}, `${p.meaning}${p.unit ? ` (${p.unit})` : ""}`),
    h("span", {}, "bounds"), low, high,
    h("span", {}, "tied to"), h("span.wide", {}, to),
    ...(p.tie ? [h("span", {}, "× and +"), factor, offset] : []))
}
