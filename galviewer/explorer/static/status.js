/* The status line: what lies under the cursor; otherwise the last message and the galaxy's numbers. */
export function render({ model }) {
  const message = h("span.message", { role: "status", "data-test": "message" })
  const read = h("span.read.num", { "data-test": "status" })
  const info = h("span.facts.num", { "data-test": "info" })
  const root = h("div.status", {}, message, read, info)
  const item = (label, value, extra = "") => h("span", {}, label + " ", h(extra ? `b.${extra}` : "b", {}, value))
  const pad = (text, n) => text.padStart(n, "\u2007")

  const sexagesimal = ([ra, dec]) => {
    const part = (v, digits) => {
      const total = Math.round(v * 3600 * 10 ** digits) / 10 ** digits
      const [a, b] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60)]
      const c = (total - a * 3600 - b * 60).toFixed(digits)
      return [String(a).padStart(2, "0"), String(b).padStart(2, "0"), c.padStart(digits + 3, "0")].join(":")
    }
    return `${part(ra / 15, 2)} ${dec < 0 ? "−" : "+"}${part(Math.abs(dec), 1)}`
  }
  const show = (at) => {
    message.style.display = at ? "none" : ""
    read.style.display = at ? "" : "none"
    if (!at) return
    read.replaceChildren(...[
      item("x", pad(at.x.toFixed(1), 6)), item("y", pad(at.y.toFixed(1), 6)),
      at.sky && item("RA Dec", sexagesimal(at.sky)),
      item("data", pad(brief(at.data), 9)), item("model", pad(brief(at.model), 9)),
      item("residual/σ", pad(pretty(at.pull, 2), 7)), item("σ", brief(at.sigma, 3)),
      at.masked && item("", "masked", "masked"),
    ].filter(Boolean))
    info.style.marginLeft = "auto"
  }
  const tell = () => {
    message.textContent = model.message[1]
    message.title = model.message[1]
    message.className = `message ${model.message[0]}`
    info.textContent = model.info
  }
  busOf(model.session).addEventListener("cursor", (event) => show(event.detail))
  model.on("message", tell)
  model.on("info", tell)
  tell(), show(null)
  return root
}
