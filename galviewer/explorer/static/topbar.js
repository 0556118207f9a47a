/* The bar at the top: where we are, which page, what is running. */
export function render({ model, el }) {
  const source = h("span.source", { "data-test": "source" })
  const name = h("span.name", { "data-test": "name" })
  const position = h("span.position.num.small", { "data-test": "position" })
  const busy = h("span.busy", { "data-test": "busy", role: "status" }, h("span.spinner"), h("span"))
  const send = (message) => model.send_msg(message)
  const tabs = segmented(model.pages, model.page, (page) => send({ type: "page", page }), "Page", "tab")
  const ns = "http://www.w3.org/2000/svg"
  const logo = document.createElementNS(ns, "svg")
  logo.setAttribute("viewBox", "0 0 20 20")
  for (const [rx, ry, opacity] of [[9, 4, 0.35], [5.5, 2.5, 0.7]]) {
    const e = document.createElementNS(ns, "ellipse")
    const drawn = { cx: 10, cy: 10, rx, ry, opacity, transform: "rotate(-28 10 10)", "stroke-width": 1.5 }
    for (const [k, v] of Object.entries({ ...drawn, fill: "none", stroke: "currentColor" })) e.setAttribute(k, v)
    logo.append(e)
  }
  const dot = document.createElementNS(ns, "circle")
  for (const [k, v] of Object.entries({ cx: 10, cy: 10, r: 1.8, fill: "currentColor" })) dot.setAttribute(k, v)
  logo.append(dot)

  const extra = h("div.extra")
  const child = model.get_child("extra")
  if (child) extra.append(...[child].flat())
  const step = (steps, glyph, label, test) =>
    h("button.iconbutton", {
      type: "button", title: label, "aria-label": label, "data-test": test, onclick: () => send({ type: "move", steps }),
    }, icon(glyph))
  const place = h("div.place", {},
    step(-1, "left", "Previous galaxy (k)", "previous"), position, step(1, "right", "Next galaxy (j)", "next"))
  const bar = h("div.bar", {},
    h("div", {}, h("span.brand", {}, logo, "galviewer"), source, model.pages.length > 1 ? tabs : null),
    h("div", {}, place, name),
    h("div.right", {}, busy, extra,
      h("button.iconbutton", {
        type: "button", title: "Light or dark", "aria-label": "Light or dark", "data-test": "theme",
        onclick: () => send({ type: "theme" }),
      }, icon("theme"))))

  const update = () => {
    source.textContent = model.source
    source.title = model.source_path
    name.textContent = model.galaxy
    name.title = model.galaxy
    position.textContent = model.count ? `${pretty(model.position, 0)} / ${pretty(model.count, 0)}` : "empty"
    busy.classList.toggle("hidden", !model.busy)
    busy.lastChild.textContent = model.busy
    tabs.select(model.page)
    bar.querySelectorAll(".place, .name").forEach((e) => e.classList.toggle("hidden", model.page !== "fit"))
  }
  for (const key of ["source", "galaxy", "position", "count", "busy", "page"]) model.on(key, update)
  update()
  return bar
}
