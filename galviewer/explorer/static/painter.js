/* Turns pixels into what the figures show, in the browser: the server sends data once per galaxy and the model
   once per move; stretch, limits, colour map and residual mode never ask it. */

/* Monotone maps of [0, 1] onto [0, 1]; invert gives the value for a colour-bar tick. */
const STRETCH = {
  linear: { map: (t) => t },
  sqrt: { map: Math.sqrt },
  asinh: { map: (t) => Math.asinh(t / 0.05) / Math.asinh(20) },
  log: { map: (t) => Math.log1p(1000 * t) / Math.log(1001) },
}

class Painter {
  constructor(document, session, component) {
    const find = (name) => document.get_model_by_name(`${name}-${session}`)
    this.component = component
    this.pixels = find("gv-pixels")
    this.rendered = find("gv-rendered")
    this.shown = Object.fromEntries(["data", "model", "residual", "mask"].map((k) => [k, find(`gv-shown-${k}`)]))
    this.mappers = { light: find("gv-sequential"), residual: find("gv-diverging") }
    this.ranges = [find("gv-x"), find("gv-y")]
  }

  get ready() {
    return this.pixels.data.image?.length === 1 && this.rendered.data.model?.length === 1
  }

  /* A figure's source for an array of the galaxy's shape; the array is written in place afterwards. */
  _fill(source, array) {
    const [height, width] = array.shape
    // The array is the same object with other contents: a comparison with the old data would drop the change.
    const data = { image: [array], x: [-0.5], y: [-0.5], dw: [width], dh: [height] }
    source.setv({ data }, { sync: false, check_eq: false })
  }

  galaxy() {
    if (!this.ready) return
    const image = this.pixels.data.image[0]
    this.shape = image.shape
    this.buffers = {}
    for (const key of ["data", "model", "residual"]) {
      this.buffers[key] = new image.constructor(image.length, image.shape)
    }
    this._fill(this.shown.mask, this.pixels.data.mask[0])
    this.display()
  }

  /* All three panels, after a change of the display settings. */
  display() {
    if (!this.ready || !this.buffers) return
    const { stretch, limits, palette, residual_mode, residual_limit, dark, meta, palettes } = this.component
    ;[this.low, this.high] = meta.limits[limits] ?? meta.limits["99.5"]
    this.map = STRETCH[stretch].map
    this.mode = residual_mode
    this.half = residual_limit * { sigma: 1, difference: meta.noise, relative: 0.1 }[residual_mode]
    this.mappers.light.setv({ palette: palettes[palette] }, { sync: false })
    this.mappers.residual.setv({ palette: palettes[dark ? "dark" : "light"] }, { sync: false })
    this._stretch(this.pixels.data.image[0], this.buffers.data)
    this._fill(this.shown.data, this.buffers.data)
    this.model()
  }

  model() {
    if (!this.ready || !this.buffers) return
    const model = this.rendered.data.model[0]
    if (model.length !== this.buffers.model.length) return
    this._stretch(model, this.buffers.model)
    this._residual(model)
    this._fill(this.shown.model, this.buffers.model)
    this._fill(this.shown.residual, this.buffers.residual)
  }

  _stretch(from, to) {
    const { low, map } = this
    const scale = 1 / (this.high - low)
    if (map === STRETCH.linear.map) {
      for (let i = 0; i < to.length; i++) to[i] = (from[i] - low) * scale
      return
    }
    const table = (this.table ??= {})
    const key = this.component.stretch
    const lut = (table[key] ??= Float32Array.from({ length: 8193 }, (_, k) => map((k / 8192) ** 2)))
    for (let i = 0; i < to.length; i++) {
      const t = (from[i] - low) * scale
      to[i] = t <= 0 ? 0 : t >= 1 ? 1 : t === t ? lut[(Math.sqrt(t) * 8192) | 0] : NaN
    }
  }

  _residual(model) {
    const data = this.pixels.data.image[0], inverse = this.pixels.data.inverse_sigma[0]
    const to = this.buffers.residual, scale = 1 / this.half
    if (this.mode === "sigma") for (let i = 0; i < to.length; i++) to[i] = (data[i] - model[i]) * inverse[i] * scale
    else if (this.mode === "difference") for (let i = 0; i < to.length; i++) to[i] = (data[i] - model[i]) * scale
    else for (let i = 0; i < to.length; i++) to[i] = ((data[i] - model[i]) / model[i]) * scale
  }

  /* What lies under the cursor, as numbers. */
  read(x, y) {
    if (!this.ready) return null
    const image = this.pixels.data.image[0]
    const [height, width] = image.shape
    const i = Math.round(x), j = Math.round(y)
    if (i < 0 || j < 0 || i >= width || j >= height) return null
    const k = j * width + i
    const model = this.rendered.data.model[0][k]
    const value = { x, y, data: image[k], model, masked: this.pixels.data.mask[0][k] > 0 }
    const raw = this.pixels.data.sigma[0][k]
    return { ...value, sigma: raw, pull: (value.data - model) / raw, sky: sky(this.component.meta.wcs, x, y) }
  }
}

/* Right ascension and declination, degree, from the stamp's tangent-plane polynomial. */
function sky(wcs, x, y) {
  if (!wcs) return null
  const u = x - wcs.x0, v = y - wcs.y0
  const terms = [1, u, v, u * u, u * v, v * v]
  const xi = terms.reduce((s, t, i) => s + t * wcs.xi[i], 0) * (Math.PI / 180)
  const eta = terms.reduce((s, t, i) => s + t * wcs.eta[i], 0) * (Math.PI / 180)
  const d0 = (wcs.dec0 * Math.PI) / 180
  const cosine = Math.cos(d0) - eta * Math.sin(d0)
  const ra = wcs.ra0 + (Math.atan2(xi, cosine) * 180) / Math.PI
  const dec = (Math.atan2(Math.sin(d0) + eta * Math.cos(d0), Math.hypot(xi, cosine)) * 180) / Math.PI
  return [((ra % 360) + 360) % 360, dec]
}

/* Tick values of a colour bar: round numbers, not too close after stretching. */
function barTicks(low, high, map) {
  const ticks = []
  const span = high - low
  const add = (v) => {
    const t = map(Math.min(Math.max((v - low) / span, 0), 1))
    if (v >= low && v <= high && ticks.every((other) => Math.abs(other.t - t) > 0.09)) ticks.push({ v, t })
  }
  add(0)
  /* Coarse steps over the whole range, finer ones towards its faint end, where the stretch has room. */
  for (let p = Math.ceil(Math.log10(span)); p > Math.log10(span) - 4; p--) {
    for (const step of [5 * 10 ** p, 2 * 10 ** p, 10 ** p]) {
      const first = Math.ceil(low / step)
      for (let k = first; k * step <= high && k < first + 6; k++) add(Number((k * step).toPrecision(12)))
    }
  }
  return ticks.filter(({ t }) => t > 0.03 && t < 0.97).sort((a, b) => a.t - b.t)
}
