// Elements, whose text is always set as text.

/** An element with properties and children; children may be text. */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export const find = (id) => document.getElementById(id);

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
