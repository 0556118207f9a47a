/* Small things every component uses: an element builder, number formatting, the session's event bus. */

/* The bus carries cursor positions and display changes between components in the browser, without the server. */
function busOf(session) {
  window.galviewer ??= {}
  return (window.galviewer[session] ??= new EventTarget())
}

/* h("div.name", {attributes, onclick: f}, child, ...): children that are strings become text, never HTML. */
function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split(".")
  const el = document.createElement(tag || "div")
  if (classes.length) el.className = classes.join(" ")
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value)
    else if (key in el && !key.includes("-") && key !== "list") el[key] = value
    else el.setAttribute(key, value === true ? "" : value)
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) el.append(child)
  }
  return el
}

const ICONS = {
  lock: "M5 7V5a3 3 0 0 1 6 0v2M4 7h8v6H4z",
  unlock: "M5 7V5a3 3 0 0 1 5.8-1M4 7h8v6H4z",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a2.6 2.6 0 0 1 3.7 3.7L10.6 8.3M9 11.5l-1.2 1.2a2.6 2.6 0 0 1-3.7-3.7L5.4 7.7",
  dots: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  undo: "M6 3L3 6l3 3M3 6h6a4 4 0 0 1 0 8H7",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  down: "M4 6l4 4 4-4",
  theme: "M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11",
  search: "M7 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10 10l3.500 3.500",
  ruler: "M8 2v12M2 8h12M8 5.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
  fit: "M4 13c2 0 2-9 4-9s2 9 4 9",
  mask: "M3 3h10v10H3zM3 8l5-5M3 13L13 3M8 13l5-5",
  ellipse: "M2.600 10.800c-1.200-2 .6-5.200 3.600-6.800s6.100-1.400 7.200.6-.5 5.100-3.500 6.700-6.100 1.500-7.300-.5z",
  home: "M3 3h4M3 3v4M13 3H9M13 3v4M3 13h4M3 13V9M13 13H9M13 13V9",
}

function icon(name) {
  const ns = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(ns, "svg")
  svg.setAttribute("viewBox", "0 0 16 16")
  svg.setAttribute("class", "icon")
  svg.setAttribute("aria-hidden", "true")
  const path = document.createElementNS(ns, "path")
  path.setAttribute("d", ICONS[name])
  svg.append(path)
  return svg
}

/* 12345.6 -> "12 345.6" with a thin space; a true minus sign; "–" for what is not a number. */
function pretty(value, digits = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e7 || (size < 10 ** -digits && size < 1e-3))) {
    return value.toExponential(2).replace("-", "−").replace("e+", "e")
  }
  const [whole, rest] = size.toFixed(digits).split(".")
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") : whole
  return (value < 0 && Number(size.toFixed(digits)) !== 0 ? "−" : "") + grouped + (rest ? "." + rest : "")
}

/* Significant digits, for values of unknown scale. */
function brief(value, significant = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–"
  if (value === 0) return "0"
  const power = Math.floor(Math.log10(Math.abs(value)))
  return pretty(value, Math.min(Math.max(significant - 1 - power, 0), 8))
}

/* Whether a key press goes to a field: the event's target is hidden by shadow roots, its path is not. */
function typing(event) {
  return event.composedPath().some((el) =>
    el.isContentEditable || el.tagName === "TEXTAREA" || el.tagName === "SELECT" ||
    (el.tagName === "INPUT" && !["range", "checkbox", "button"].includes(el.type)))
}

/* A row of buttons of which one is pressed. */
function segmented(options, current, choose, label, test) {
  const group = h("div.segmented", { role: "radiogroup", "aria-label": label })
  for (const [value, text, title] of options) {
    group.append(h("button", {
      type: "button", role: "radio", title: title ?? "", "data-value": value,
      "data-test": test ? `${test}-${value}` : null, "aria-checked": String(value === current), onclick: () => choose(value),
    }, text))
  }
  group.select = (value) => {
    for (const b of group.children) b.setAttribute("aria-checked", String(b.dataset.value === value))
  }
  return group
}

function menu(options, current, choose, label, test) {
  const select = h("select", {
    "aria-label": label, title: label, "data-test": test, onchange: () => choose(select.value),
  })
  for (const [value, text] of options) {
    select.append(h("option", { value, selected: String(value) === String(current) }, text))
  }
  return select
}
