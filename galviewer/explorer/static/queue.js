/* The queue: all galaxies by name, only the visible rows exist in the page, so ten thousand are as quick as ten. */
export function render({ model, el }) {
  const ROW = 30
  const search = h("input", {
    type: "search", placeholder: "Search names", "aria-label": "Search names", "data-test": "search",
    oninput: () => filter(),
  })
  const counted = h("span")
  const fitted = h("span")
  const list = h("div.list.scroll", {
    role: "listbox", "aria-label": "Galaxies", tabIndex: 0, "data-test": "queue",
  })
  const space = h("div")
  const empty = h("div.empty")
  list.append(space, empty)
  const root = h("div.queue.panel", {},
    h("div.head", {}, h("div.search", {}, icon("search"), search), h("div.count.small.dim.num", {}, counted, fitted)), list)
  let shown = []
  const words = { new: "not fitted", good: "fitted", flagged: "fitted, with a warning", failed: "no usable fit" }

  const filter = () => {
    const wanted = search.value.trim().toLowerCase()
    shown = model.rows.map((_, i) => i).filter((i) => !wanted || model.rows[i][0].toLowerCase().includes(wanted))
    space.style.height = `${shown.length * ROW}px`
    const all = pretty(model.rows.length, 0)
    counted.textContent = wanted ? `${pretty(shown.length, 0)} of ${all}` : `${all} galaxies`
    const done = model.rows.filter((row) => row[2] !== "new").length
    fitted.textContent = done ? `${pretty(done, 0)} fitted` : ""
    empty.textContent = shown.length ? "" : (model.rows.length ? "No name matches." : "No galaxies here.")
    draw()
  }
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4)
    const last = Math.min(shown.length, first + Math.ceil((list.clientHeight || 900) / ROW) + 8)
    const rows = []
    for (let k = first; k < last; k++) {
      const [name, chi2, status] = model.rows[shown[k]]
      rows.push(h("button.row", {
        type: "button", role: "option", tabIndex: -1, style: `top:${k * ROW}px`, "data-test": "row",
        "data-name": name, title: `${name}: ${words[status]}`, "aria-selected": String(name === model.current),
        onclick: () => model.send_msg({ type: "select", name }),
      }, h(`span.dot.${status}`), h("span.text", {}, name),
      h("span.num.small.dim", { title: "reduced chi-square" }, chi2 === null ? "" : brief(chi2, 3))))
    }
    space.replaceChildren(...rows)
  }
  const reveal = () => {
    const at = shown.findIndex((i) => model.rows[i][0] === model.current)
    if (at >= 0 && list.clientHeight) {
      if (at * ROW < list.scrollTop) list.scrollTop = Math.max(0, at * ROW - 2 * ROW)
      else if ((at + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (at + 3) * ROW - list.clientHeight
    }
    draw()
  }
  list.addEventListener("scroll", () => requestAnimationFrame(draw))
  new ResizeObserver(() => draw()).observe(list)
  model.on("rows", filter)
  model.on("msg:custom", ({ changed }) => {
    for (const [k, row] of changed) model.rows[k] = row
    filter()
  })
  model.on("current", reveal)
  filter()
  requestAnimationFrame(reveal)
  return root
}
