// The Export menu. Files arrive in pieces from Python and leave as downloads; the figure is put together here
// from the canvases on screen, because only the browser knows what they look like.

function download(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

/* All elements below a root, through shadow roots, in document order. */
function* deep(root) {
  for (const node of root.children) {
    yield node
    if (node.shadowRoot) yield* deep(node.shadowRoot)
    yield* deep(node)
  }
}

function pageOf(el) {
  for (let node = el; node; node = node.parentNode ?? node.host) {
    if (node.classList?.contains("page")) return node
  }
  return document.body
}

/* Words count as shown only where nothing cuts them off. */
const shown = (node) => {
  const r = node.getBoundingClientRect()
  return r.width > 1 && r.height > 1 && node.checkVisibility({ opacityProperty: true, visibilityProperty: true })
}

const visible = (node) => node.getClientRects().length > 0

/* The plots on screen, drawn side by side as they stand, with their headings. */
function figure(el) {
  const page = pageOf(el)
  const all = [...deep(page)].filter(visible)
  const plots = all.filter((n) => n.dataset?.test?.startsWith("plot-"))
  if (!plots.length) return null
  const rects = plots.map((n) => n.getBoundingClientRect())
  const parts = new Set(plots.map((n) => n.getRootNode()))  // headings of the plots' own panels only
  const heads = all.filter((n) => parts.has(n.getRootNode()) && (n.classList.contains("head") || n.classList.contains("bars")))
  const boxes = [...rects, ...heads.map((n) => n.getBoundingClientRect())]
  const pad = 14, title = 34
  const left = Math.min(...boxes.map((r) => r.left)) - pad, top = Math.min(...boxes.map((r) => r.top)) - pad - title
  const right = Math.max(...boxes.map((r) => r.right)) + pad, bottom = Math.max(...boxes.map((r) => r.bottom)) + pad
  const scale = window.devicePixelRatio  // the canvases have no more pixels than this
  const out = h("canvas", { width: Math.round((right - left) * scale), height: Math.round((bottom - top) * scale) })
  const g = out.getContext("2d")
  const look = getComputedStyle(page)
  const colour = (name, other) => look.getPropertyValue(name).trim() || other
  g.scale(scale, scale)
  g.translate(-left, -top)
  g.fillStyle = colour("--gv-panel", "#ffffff")
  g.fillRect(left, top, right - left, bottom - top)
  for (const plot of plots) {
    for (const canvas of [...deep(plot)].filter((n) => n.tagName === "CANVAS" && visible(n))) drawCanvas(g, canvas)
    for (const svg of [...deep(plot)].filter((n) => n.tagName === "svg" && n.classList.contains("marks"))) drawMarks(g, svg)
  }
  for (const head of heads) {
    for (const canvas of [...deep(head)].filter((n) => n.tagName === "CANVAS")) drawCanvas(g, canvas)
    drawTexts(g, head)
  }
  const text = (test) => all.find((n) => n.dataset?.test === test)?.textContent ?? ""
  g.fillStyle = colour("--gv-text", "#222222")
  g.font = "600 17px system-ui, sans-serif"
  g.textAlign = "left"
  g.textBaseline = "alphabetic"
  g.fillText(text("name"), left + pad, top + pad + 16)
  g.font = "13px system-ui, sans-serif"
  g.textAlign = "right"
  g.fillText(text("chi2nu") && `χ²/ν ${text("chi2nu")}`, right - pad, top + pad + 16)
  g.textAlign = "left"
  return out
}

function drawCanvas(g, canvas) {
  const r = canvas.getBoundingClientRect()
  if (canvas.width && canvas.height && r.width && r.height) g.drawImage(canvas, r.left, r.top, r.width, r.height)
}

/* Words of a heading (chosen options of its menus included), each where it stands, and the legend's signs. */
function drawTexts(g, head) {
  for (const node of deep(head)) {
    if (!shown(node) || node.tagName === "BUTTON" || node.closest("button, svg")) continue
    if (node.tagName === "I") drawSign(g, node)
    if (node.tagName === "SELECT") {
      const r = node.getBoundingClientRect(), left = r.left + parseFloat(getComputedStyle(node).paddingLeft)
      drawText(g, node, node.selectedOptions[0]?.textContent ?? "", left, r.top + r.height / 2)
    } else if (node.tagName !== "OPTION") {
      for (const text of [...node.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE && n.data.trim())) {
        const range = document.createRange()
        range.selectNode(text)
        const r = range.getBoundingClientRect()
        drawText(g, node, text.data.trimEnd(), r.left, r.top + r.height / 2)
      }
    }
  }
}

function drawText(g, node, text, x, y) {
  const style = getComputedStyle(node)
  g.fillStyle = style.color
  g.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`
  g.textBaseline = "middle"
  g.fillText(text, x, y)
}

/* A legend's dot, line or box, as its style says. */
function drawSign(g, node) {
  const style = getComputedStyle(node), r = node.getBoundingClientRect()
  const line = parseFloat(style.borderTopWidth) || 0
  const filled = style.backgroundColor !== "rgba(0, 0, 0, 0)"
  g.save()
  g.globalAlpha = Number(style.opacity)
  g.fillStyle = filled ? style.backgroundColor : style.color
  g.strokeStyle = style.borderTopColor
  if (filled) {
    g.beginPath()
    g.roundRect(r.left, r.top, r.width, r.height, parseFloat(style.borderTopLeftRadius) >= r.width / 2 ? r.width / 2 : 0)
    g.fill()
  } else if (line) {
    g.lineWidth = line
    if (style.borderTopStyle === "dashed") g.setLineDash([4, 3])
    g.beginPath()
    g.moveTo(r.left, r.top + line / 2)
    g.lineTo(r.right, r.top + line / 2)
    g.stroke()
  }
  g.restore()
}

/* Scale bar and compass. */
function drawMarks(g, svg) {
  const r = svg.getBoundingClientRect()
  g.save()
  g.translate(r.left, r.top)
  for (const node of svg.querySelectorAll("line, text")) {
    const style = getComputedStyle(node), at = (name) => parseFloat(node.getAttribute(name) || 0)
    if (node.tagName === "line") {
      g.strokeStyle = style.stroke
      g.lineWidth = parseFloat(style.strokeWidth) || 1
      g.beginPath()
      g.moveTo(at("x1"), at("y1"))
      g.lineTo(at("x2"), at("y2"))
      g.stroke()
    } else {
      g.fillStyle = style.fill
      g.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`
      g.textAlign = "center"
      g.textBaseline = "alphabetic"
      g.fillText(node.textContent, at("x"), at("y"))
    }
  }
  g.restore()
}

export function render({ model, el }) {
  const folder = h("input", { type: "text", "data-test": "export-folder", placeholder: "empty: download", spellcheck: false })
  const note = h("div", { className: "note", "data-test": "export-note" })
  const say = (kind, text) => { note.dataset.kind = kind; note.textContent = text }
  const ask = (what) => { say("info", "…"); model.send_msg({ what, folder: folder.value }) }
  const button = (test, text, onclick) => h("button.button", { "data-test": `export-${test}`, type: "button", onclick }, text)
  const picture = () => {
    const canvas = figure(el)
    if (!canvas) return say("error", "no plots on screen: open the Fit page")
    const name = [...deep(pageOf(el))].find((n) => n.dataset?.test === "name")?.textContent || "figure"
    canvas.toBlob((blob) => {
      download(`${name.replace(/[^\w.+-]+/g, "_")}.png`, blob)
      say("info", "figure saved")
    })
  }
  const menu = h("div", { className: "menu", hidden: true, "data-test": "export-menu" },
    h("h3", {}, "This galaxy"),
    h("div", { className: "choices" }, button("block", "FITS block", () => ask("block")), button("figure", "Figure PNG", picture)),
    h("h3", {}, "Catalogue"),
    h("div", { className: "choices" }, ...model.formats.map(([fmt, title]) => button(`catalogue-${fmt}`, title, () => ask(fmt)))),
    h("label", {}, "Write into folder", folder),
    note)
  const open = (yes) => { menu.hidden = !yes; opener.setAttribute("aria-expanded", String(yes)) }
  const opener = h("button.button", { "data-test": "export", type: "button", onclick: () => open(menu.hidden) }, "Export")
  const outside = (event) => { if (!event.composedPath().includes(el)) open(false) }
  const escape = (event) => { if (event.key === "Escape") open(false) }
  document.addEventListener("pointerdown", outside)
  document.addEventListener("keydown", escape)
  model.on("remove", () => {
    document.removeEventListener("pointerdown", outside)
    document.removeEventListener("keydown", escape)
  })
  model.on("note", () => say(model.note.kind || "info", model.note.text || ""))
  let pieces = []
  model.on("msg:custom", (message) => {
    pieces.push(Uint8Array.from(atob(message.piece), (c) => c.charCodeAt(0)))
    if (!message.last) return
    download(message.file, new Blob(pieces, { type: "application/octet-stream" }))
    pieces = []
  })
  el.append(h("div", { className: "export" }, opener, menu))
}
