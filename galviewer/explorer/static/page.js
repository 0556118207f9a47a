/* The page: where the parts stand, which page is shown, the theme, and the keys. */
export function render({ model, view, el }) {
  const slot = (name, spec = "div") => {
    const holder = h(spec)
    const child = model.get_child(name)
    if (child) holder.append(...[child].flat())
    return holder
  }
  const fit = h("div.fit", {},
    slot("queue"),
    h("div.centre", {}, slot("images", "div.images"), slot("profile", "div.profile")),
    slot("cards"))
  const batch = slot("batch", "div.batch")
  const page = h("div.page", { tabIndex: -1 }, slot("top"), fit, batch, slot("status"))
  const turn = () => {
    fit.classList.toggle("hidden", model.page !== "fit")
    batch.classList.toggle("hidden", model.page !== "batch")
    window.dispatchEvent(new Event("resize"))
  }
  const paint = () => page.classList.toggle("dark", model.dark)
  model.on("page", turn)
  model.on("dark", paint)
  turn(), paint()

  const bus = busOf(model.session)
  const keys = (event) => {
    if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || model.page !== "fit") return
    const slider = event.composedPath()[0]?.type === "range"
    const action = {
      j: { type: "move", steps: 1 }, k: { type: "move", steps: -1 }, f: { type: "fit" }, u: { type: "undo" },
      ArrowDown: !slider && { type: "move", steps: 1 }, ArrowUp: !slider && { type: "move", steps: -1 },
    }[event.key]
    if (action) {
      model.send_msg(action)
      event.preventDefault()
    } else if ("xmsz".includes(event.key)) {
      bus.dispatchEvent(new CustomEvent("key", { detail: event.key }))
    }
  }
  const target = model.whole_window ? document : el
  target.addEventListener("keydown", keys)
  model.on("remove", () => target.removeEventListener("keydown", keys))
  return page
}
