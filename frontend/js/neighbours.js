import { $ } from "./dom.js";

// On the page of a record: its neighbours in the list that one came from, and the way back to just that list.
const [, key, id] = location.pathname.split("/");
const links = $("[data-neighbours]");
const kept = links && JSON.parse(sessionStorage.getItem(`zk-list-${key}`) ?? "null");
const at = kept ? kept.ids.indexOf(`/${key}/${id}`) : -1;
if (at >= 0) {
  links.hidden = false;
  $("[data-position]", links).textContent = `${at + 1} / ${kept.ids.length}`;
  for (const [name, url] of [["prev", kept.ids[at - 1]], ["next", kept.ids[at + 1]]]) {
    const link = $(`[data-${name}]`, links);
    if (url) link.href = url;
    else link.remove();
  }
  const back = $(".crumbs a");
  if (back && new URL(back.href).pathname === new URL(kept.from, location.href).pathname) back.href = kept.from;
}
