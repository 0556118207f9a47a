/* One card per component, generated from the model's parameters; the buttons that fit and undo above them. */
export function render({ model }) {
  const send = (message) => model.send_msg(message)
  const sliders = coalesced(send)
  const rows = new Map()
  const open = new Set()
  const head = cardsHead(model, send)
  const stack = h("div.stack.scroll", { "data-test": "cards" })

  const toggled = (column) => () => {
    open.has(column) ? open.delete(column) : open.add(column)
    build()
  }
  const partners = (p) => model.components
    .flatMap((c) => c.parameters.filter((o) => o.name === p.name || o.unit === p.unit).map((o) => o.dotted))
    .filter((dotted) => dotted !== p.dotted)
  const parameter = (p) => {
    const opened = open.has(p.column)
    const row = parameterRow(p, { set: sliders.set, send, opened, toggle: toggled(p.column) })
    rows.set(p.column, row)
    return opened ? [row.el, parameterDrawer(p, partners(p), send)] : [row.el]
  }
  const build = () => {
    const scroll = stack.scrollTop
    rows.clear()
    const cards = model.components.map((c) =>
      componentCard(c, model.components.length > 1, send, c.parameters.flatMap(parameter)))
    stack.replaceChildren(...cards, cardsFoot(model, send))
    stack.scrollTop = scroll
    for (const p of model.components.flatMap((c) => c.parameters)) {
      rows.get(p.column).show(p.value)
      rows.get(p.column).note(p.error, p.at_bound)
    }
  }

  model.on("msg:custom", (message) => {
    if (message.copied !== undefined) return void navigator.clipboard?.writeText(message.copied)
    if (message.answer !== undefined) sliders.answered()
    for (const [column, value, error, atBound] of message.values ?? []) {
      if (sliders.waitsFor(column)) continue
      rows.get(column)?.show(value)
      rows.get(column)?.note(error, atBound)
    }
    if (message.score) head.score(message.score)
  })
  model.on("components", build)
  build()
  return h("div.cards.panel", {}, head.el, stack)
}

/* Slider moves: one message is under way at a time and the latest value follows when the server has answered,
   so that a slow machine skips positions instead of falling behind. */
function coalesced(send) {
  let waiting = null, underway = false, number = 0
  const push = () => {
    if (underway || !waiting) return
    underway = true
    send({ type: "set", number: ++number, ...waiting })
    waiting = null
  }
  return {
    set: (column, value, phase) => {
      if (phase === "start") send({ type: "remember" })
      waiting = { column, value }
      push()
    },
    answered: () => {
      underway = false
      push()
    },
    waitsFor: (column) => waiting?.column === column,
  }
}

/* Template, Measure, Fit, Undo, and chi2. */
function cardsHead(model, send) {
  const template = menu([["", "Template …"], ...model.templates.map((t) => [t, t])], "", (name) => {
    if (name) send({ type: "template", name })
    template.value = ""
  }, "Start from a template", "template")
  const button = (kind, type, glyph, text, title) => h(`button.button${kind}`, {
    type: "button", title, "data-test": type, onclick: () => send({ type }),
  }, icon(glyph), text)
  const measure = button("", "measure", "ruler", "Measure", "Start values measured from the pixels")
  const fit = button(".primary", "fit", "fit", "Fit", "Fit this galaxy from the present values (f)")
  const undo = button("", "undo", "undo", "Undo", "Undo (u)")
  const chi2nu = h("span.big.num", { "data-test": "chi2nu" })
  const chi2 = h("span.num.small.dim", { "data-test": "chi2" })
  const delta = h("span.delta.num", { "data-test": "delta" })
  const about = "χ² over the unmasked pixels, live; the difference is to the values before the last fit, " +
    "or to the last fit when sliders moved since"
  const el = h("div.head", {},
    h("div.line", {}, template, measure), h("div.line", {}, fit, undo),
    h("div.score", { title: about }, h("span", {}, h("span.dim.small", {}, "χ²/ν "), chi2nu), chi2, delta))

  const score = ({ chi2: all, chi2_nu: reduced, delta: change }) => {
    chi2nu.textContent = brief(reduced, 4)
    chi2.textContent = Number.isFinite(all) ? `χ² ${pretty(all, 1)}` : ""
    const known = Number.isFinite(change)
    delta.style.visibility = known ? "" : "hidden"
    delta.textContent = known ? `Δχ² ${change > 0 ? "+" : ""}${pretty(change, Math.abs(change) < 1000 ? 1 : 0)}` : ""
    delta.className = `delta num ${change < -0.05 ? "better" : change > 0.05 ? "worse" : ""}`
  }
  const state = () => {
    fit.disabled = Boolean(model.busy) || !model.components.length
    measure.disabled = !model.components.length
    undo.disabled = !model.undo_depth
    undo.title = `Undo (u), ${model.undo_depth} steps back`
  }
  for (const key of ["busy", "undo_depth", "components"]) model.on(key, state)
  model.on("score", () => score(model.score))
  state()
  score(model.score)
  return { el, score }
}

function componentCard(c, removable, send, rows) {
  const button = (type, glyph, label) => h("button.iconbutton", {
    type: "button", title: label, "aria-label": `${label} ${c.name}`, "data-test": type,
    onclick: () => send({ type, component: c.name }),
  }, icon(glyph))
  return h("div.card", { "data-test": "card", "data-name": c.name },
    h("div.title", {},
      h("span.swatch", { style: `background:${c.colour}` }), h("b", {}, c.name), h("span.kind", {}, c.title),
      button("duplicate", "copy", "Duplicate"), removable ? button("remove", "close", "Remove") : null),
    ...rows)
}

/* Add a component; copy the model as text. */
function cardsFoot(model, send) {
  if (!model.components.length) return h("div.add.dim", {}, "No galaxy is open.")
  const add = menu([["", "Add component …"], ...model.profiles], "", (profile) => {
    if (profile) send({ type: "add", profile })
  }, "Add a component", "add")
  const copy = (as, text, title) => h("button.button.plain", {
    type: "button", title, "data-test": `copy-${as}`, onclick: () => send({ type: "copy", as }),
  }, text)
  return h("div.add", {}, add,
    copy("toml", "TOML", "Copy the model as TOML, for galviewer fit --model"),
    copy("python", "Python", "Copy as Python: a script that fits this galaxy"))
}
