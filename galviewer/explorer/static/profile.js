/* The radial profile with its residual strip, and the histogram of residuals: headers and places; Bokeh draws. */
export function render({ model }) {
  const slot = (name, spec = "div.slot") => {
    const holder = h(spec, { "data-test": `plot-${name}` })
    holder.append(...[model.get_child(name)].flat())
    return holder
  }
  const legend = h("div.legend")
  const brightness = segmented([
    ["mag", "mag", "Surface brightness, magnitudes"],
    ["flux", "flux", "Surface brightness, image unit"],
  ], model.brightness, (v) => { model.brightness = v }, "Brightness", "brightness")
  const radius = segmented([
    ["linear", "r", "Radius, linear"],
    ["log", "log r", "Radius, logarithmic"],
    ["quarter", "r¼", "Fourth root of the radius: a de Vaucouleurs profile is straight"],
  ], model.radius_scale, (v) => { model.radius_scale = v }, "Radius scale", "radius")
  const numbers = h("span.num.small.dim", {
    style: "margin-left:auto",
    title: "Mean and standard deviation of (data − model)/σ over the unmasked pixels; 0 and 1 for a true model",
  })
  const root = h("div.profile.panel", {},
    h("div.head", {}, h("b", {}, h("span.optional", {}, "Radial "), "profile"), legend, brightness, radius),
    h("div.head", {}, h("b.optional", {}, "Residual/σ"), numbers),
    slot("figure"), slot("histogram", "div.slot.tall"), slot("strip"))
  const count = ([mean, spread]) => {
    const known = Number.isFinite(mean) && Number.isFinite(spread)
    numbers.textContent = !known ? "" : `mean ${mean.toFixed(2).replace("-", "−")}  std ${spread.toFixed(2)}`
  }
  model.on("msg:custom", (message) => count(message.moments))
  const update = () => {
    brightness.select(model.brightness)
    radius.select(model.radius_scale)
    count(model.moments)
    legend.replaceChildren(...model.legend.map(([text, colour, kind]) => {
      const ink = colour || "var(--gv-text)"
      return h("span", {}, h(`i.${kind}`, { style: `color:${ink};border-color:${ink}` }), text)
    }))
  }
  for (const key of ["legend", "brightness", "radius_scale", "moments"]) model.on(key, update)
  update()
  return root
}
