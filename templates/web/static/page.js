/* The little that a page does better with a script; every page works without it. */
"use strict";

// A filter that is chosen from a list shows at once.
for (const form of document.querySelectorAll("form.filters")) {
  for (const select of form.querySelectorAll("select")) {
    select.addEventListener("change", () => form.requestSubmit());
  }
}

// The preview follows what is typed.
const form = document.querySelector("form[data-preview]");
const place = document.querySelector("#preview");
if (form && place) {
  let timer = 0;
  let turn = 0;
  const refresh = async () => {
    const mine = ++turn;
    place.classList.add("busy");
    try {
      const body = new FormData(form);
      body.delete("address");
      const answer = await fetch(form.dataset.preview, { method: "POST", body, headers: { "X-Fragment": "1" } });
      if (answer.ok && mine === turn) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("#preview");
        if (fresh) place.replaceChildren(...fresh.childNodes);
      }
    } catch {
      // Offline: the last preview stays.
    } finally {
      if (mine === turn) place.classList.remove("busy");
    }
  };
  form.addEventListener("input", (event) => {
    if (event.target.name === "address") return;
    clearTimeout(timer);
    timer = setTimeout(refresh, 600);
  });
}

// The reader's own time zone, unless they chose one.
const zone = document.querySelector("[data-guess-zone]");
if (zone) {
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (guess && [...zone.options].some((option) => option.value === guess)) zone.value = guess;
}
