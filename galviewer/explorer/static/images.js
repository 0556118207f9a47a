/* The three image panels: headers with their menus, colour bars, scale bar, compass, and the painter behind them. */
export function render({ model, view, el }) {
  const bus = busOf(model.session)
  const document_ = view.model.document
  const painter = new Painter(document_, model.session, model)
  const choose = (key) => (value) => {
    model[key] = key === "residual_limit" ? Number(value) : value
  }
  const plot = (name) => {
    const holder = h("div.plot", { "data-test": `plot-${name}`, ondblclick: home })
    holder.append(...[model.get_child(`${name}_figure`)].flat())
    return holder
  }
  const home = () => {
    const [height, width] = model.meta.shape
    const side = Math.max(height, width)
    painter.ranges[0].setv({ start: (width - 1 - side) / 2, end: (width - 1 + side) / 2 })
    painter.ranges[1].setv({ start: (height - 1 - side) / 2, end: (height - 1 + side) / 2 })
  }
  const toggle = (key, glyph, label) => {
    const button = h("button.iconbutton", { type: "button", title: label, "aria-label": label, "data-test": key,
      "aria-pressed": String(model[key]), onclick: () => { model[key] = !model[key] } }, icon(glyph))
    model.on(key, () => button.setAttribute("aria-pressed", String(model[key])))
    return button
  }
  const named = (names) => names.map((n) => [n, n])
  const select = (key, options, label) => menu(options, model[key], choose(key), label, key.replaceAll("_", "-"))
  const sequential = Object.keys(model.palettes).filter((name) => name !== "light" && name !== "dark")
  const stretch = select("stretch", named(Object.keys(STRETCH)), "Stretch")
  const limits = select("limits", Object.entries(model.limit_names), "Brightness limits of data and model")
  const palette = select("palette", named(sequential), "Colour map")
  const mode = select("residual_mode", Object.entries(model.mode_names), "Residual")
  mode.className = "title"
  const widths = [2, 3, 5, 10, 20].map((n) => [n, `± ${n}`])
  const half = select("residual_limit", widths, "Residual range: sigma, noise widths, or tenths")
  const bars = [colourBar("wide"), colourBar("")]
  const marks = svg("svg", { class: "marks" })
  const first = plot("data")
  first.append(marks)
  const root = h("div.frame.panel", {},
    h("div.head", {}, h("b", {}, "Data"), stretch, limits),
    h("div.head", {}, h("b", {}, "Model"), palette,
      toggle("show_ellipses", "ellipse", "Component ellipses at half light (or half fwhm)"),
      toggle("show_mask", "mask", "Masked pixels (m)"),
      h("button.iconbutton", {
        type: "button", title: "Whole stamp (double click)", "aria-label": "Whole stamp", "data-test": "home",
        onclick: home,
      }, icon("home"))),
    h("div.head", {}, mode, half),
    first, plot("model"), plot("residual"), bars[0].el, bars[1].el)

  const drawBars = () => {
    if (!painter.buffers) return
    bars[0].draw(model.palettes[model.palette], barTicks(painter.low, painter.high, painter.map), model.meta.unit)
    const mid = (v) => 0.5 + v / (2 * painter.half)
    const ticks = [-1, -0.5, 0, 0.5, 1].map((f) => ({ v: f * painter.half, t: mid(f * painter.half) }))
    bars[1].draw(model.palettes[model.dark ? "dark" : "light"], ticks, "")
  }
  const drawMarks = () => marks.replaceChildren(...scaleMarks(model.meta, painter.ranges, first.clientWidth || 300))
  const repaint = () => {
    first.classList.toggle("light", model.palette === "grey inverted")
    painter.display()
    drawBars()
  }
  for (const key of ["stretch", "limits", "palette", "residual_mode", "residual_limit", "dark"]) model.on(key, repaint)
  const menus = { stretch, limits, palette, residual_mode: mode, residual_limit: half }
  for (const [key, list] of Object.entries(menus)) model.on(key, () => { list.value = String(model[key]) })
  const galaxy = () => {
    painter.galaxy()
    drawBars()
    drawMarks()
  }
  painter.pixels.properties.data.change.connect(galaxy)
  painter.rendered.properties.data.change.connect(() => {
    painter.model()
    bus.dispatchEvent(new CustomEvent("painted"))
  })
  for (const range of painter.ranges) range.change.connect(() => requestAnimationFrame(drawMarks))
  new ResizeObserver(drawMarks).observe(first)
  for (const name of ["data", "model", "residual"]) {
    const figure = document_.get_model_by_name(`gv-figure-${name}-${model.session}`)
    const point = (detail) => bus.dispatchEvent(new CustomEvent("cursor", { detail }))
    figure.on_event("mousemove", (event) => point(painter.read(event.x, event.y)))
    figure.on_event("mouseleave", () => point(null))
  }
  bus.addEventListener("key", ({ detail }) => {
    const cycle = (names, now) => names[(names.indexOf(now) + 1) % names.length]
    if (detail === "m") model.show_mask = !model.show_mask
    if (detail === "x") model.residual_mode = cycle(Object.keys(model.mode_names), model.residual_mode)
    if (detail === "s") model.stretch = cycle(Object.keys(STRETCH), model.stretch)
    if (detail === "z") model.limits = cycle(Object.keys(model.limit_names), model.limits)
  })
  galaxy()
  repaint()
  return root
}

function colourBar(kind) {
  const canvas = h("canvas", { width: 256, height: 1 })
  const ticks = h("div.ticks.num")
  const el = h("div.bars", {}, canvas, ticks)
  if (kind) el.classList.add(kind)
  const draw = (palette, values, unit) => {
    const context = canvas.getContext("2d")
    palette.forEach((colour, i) => {
      context.fillStyle = colour
      context.fillRect((i * 256) / palette.length, 0, 256 / palette.length + 1, 1)
    })
    const labels = values.map(({ v, t }) => {
      const label = h("span", { style: `left:${100 * t}%` }, v === 0 ? "0" : tickText(v, values))
      if (t > 0.99) label.className = "last"
      return label
    })
    if (values.length && values[0].t > 0.01) labels.unshift(h("span"))
    ticks.replaceChildren(...labels)
    canvas.title = unit
  }
  return { el, draw }
}

/* As many digits as tell neighbouring ticks apart, without trailing zeros. */
function tickText(value, ticks) {
  const gaps = ticks.slice(1).map((tick, i) => tick.v - ticks[i].v)
  const digits = Math.min(Math.max(1 - Math.floor(Math.log10(Math.min(...gaps, Math.abs(value))) + 1e-9), 0), 8)
  const text = pretty(value, digits)
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text
}

function svg(tag, attributes, text) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v)
  if (text !== undefined) el.textContent = text
  return el
}

/* Scale bar at the lower left, compass at the lower right, in screen pixels. */
function scaleMarks(meta, [xRange], side) {
  const perScreen = (xRange.end - xRange.start) / side
  const unit = meta.pixel_scale ? meta.pixel_scale : 1
  const wanted = 0.26 * side * perScreen * unit
  const power = 10 ** Math.floor(Math.log10(wanted))
  const length = [5, 2, 1].map((m) => m * power).find((l) => l <= wanted) ?? power
  const width = length / unit / perScreen
  const y = side - 12
  const label = brief(length, 2).replace(/\.0+$/, "") + (meta.pixel_scale ? "″" : " px")
  const bar = svg("g", {})
  bar.append(
    svg("line", { x1: 12, x2: 12 + width, y1: y, y2: y }),
    svg("text", { x: 12 + width / 2, y: y - 6, "text-anchor": "middle" }, label))
  const out = [bar]
  if (meta.compass) {
    const rose = svg("g", {})
    const [cx, cy] = [side - 34, side - 34]
    for (const [letter, [dx, dy]] of Object.entries(meta.compass)) {
      const [tx, ty] = [cx + 17 * dx, cy - 17 * dy]
      rose.append(svg("line", { x1: cx, y1: cy, x2: tx, y2: ty }),
        svg("text", { x: cx + 26 * dx, y: cy - 26 * dy + 4, "text-anchor": "middle" }, letter))
    }
    out.push(rose)
  }
  return out
}
