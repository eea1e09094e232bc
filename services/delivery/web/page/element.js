/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes] functions become event listeners, false and undefined nothing
 * @param {...(Node | string | false | undefined)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

const shapes = {
  laptop:
    "M4 5.5A1.5 1.5 0 0 1 5.5 4h9A1.5 1.5 0 0 1 16 5.5V12H4zM2 14h16l-.6 1.3a1.2 1.2 0 0 1-1.1.7H3.7a1.2 1.2 0 0 1-1.1-.7z",
  phone:
    "M6 3.5A1.5 1.5 0 0 1 7.5 2h5A1.5 1.5 0 0 1 14 3.5v13a1.5 1.5 0 0 1-1.5 1.5h-5A1.5 1.5 0 0 1 6 16.5zM8.5 15.5h3",
  tablet:
    "M4 3.5A1.5 1.5 0 0 1 5.5 2h9A1.5 1.5 0 0 1 16 3.5v13a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 4 16.5zM8.5 15.5h3",
  cut: "M3 3l14 14M4.5 8.5a8 8 0 0 1 2.6-1.7M9.5 6a8 8 0 0 1 6 2.5M7 11.3a4.5 4.5 0 0 1 2.3-1.2M12.5 11a4.5 4.5 0 0 1 .6.4M10 14.8h.01",
  crash: "M11 2 4.5 11.5H10L9 18l6.5-9.5H10z",
  leave: "M8 3H5a1.5 1.5 0 0 0-1.5 1.5v11A1.5 1.5 0 0 0 5 17h3M12.5 13.5 16 10l-3.5-3.5M16 10H8",
  window:
    "M11.5 3.5h5v5M16.5 3.5 10 10M14.5 11.5v3.5a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 15V7A1.5 1.5 0 0 1 5 5.5h3.5",
};

/** A drawing that says nothing which the text beside it does not. @param {keyof typeof shapes} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", shapes[name]);
  svg.append(path);
  return svg;
}
