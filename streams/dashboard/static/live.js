// Keeps the page as the server would draw it now. The stream only says that something changed; then this same address is
// fetched again, parsed as an inert document, and the sections marked `data-live` are put in place of the old ones.
// Nothing is ever made markup here: all markup comes from the server's templates, which escape what came from outside.
"use strict";
(() => {
  const SILENCE_MS = 40000; // more than two heartbeats: then the connection is dead although nobody said so
  const TYPING_MS = 2000;
  const PRESS_MS = 1500;
  const NEWS_MS = 10000;
  const AGAIN_MS = 5000;
  const RETRY_MS = [2000, 4000, 8000, 16000, 30000];

  const main = document.getElementById("main");
  const banner = document.getElementById("banner");
  const connection = document.getElementById("connection");
  const news = document.getElementById("news");
  let revision = main.dataset.revision;
  let serverAheadMs = Number(main.dataset.nowMs) - Date.now();
  let source = null, heardAt = 0, retries = 0, retryTimer = 0;
  let fetching = false, wanted = false, typedAt = 0, pressedAt = 0, saidAt = 0, failedAt = 0;

  function show(state, says, loud) {
    connection.hidden = false;
    connection.dataset.state = state;
    if (connection.textContent !== says) connection.textContent = says;
    banner.hidden = !loud;
    if (banner.textContent !== (loud || "")) banner.textContent = loud || "";
  }

  function lost() {
    show("lost", "Reconnecting", "The live connection is lost; reconnecting. What you see may be old.");
  }

  function connect() {
    clearTimeout(retryTimer);
    if (source) source.close();
    source = new EventSource("/events");
    heardAt = Date.now();
    source.onopen = () => { heardAt = Date.now(); retries = 0; show("live", "Live"); };
    source.onerror = () => {
      lost();
      if (source.readyState === EventSource.CLOSED) { // refused, so the browser will not try again by itself
        retryTimer = setTimeout(connect, RETRY_MS[Math.min(retries++, RETRY_MS.length - 1)]);
      }
    };
    source.addEventListener("beat", () => { heardAt = Date.now(); });
    source.addEventListener("trouble", () => { heardAt = Date.now(); show("lost", "Store away", "The store does not answer; what you see may be old."); });
    source.addEventListener("well", () => { heardAt = Date.now(); show("live", "Live"); });
    source.addEventListener("changed", (event) => {
      heardAt = Date.now();
      const frame = JSON.parse(event.data);
      serverAheadMs = frame.now_ms - Date.now();
      if (String(frame.revision) === revision) return;
      say(frame);
      wanted = true;
      refresh();
    });
  }

  function say(frame) {
    if (Date.now() - saidAt < NEWS_MS) return;
    saidAt = Date.now();
    news.textContent = `${frame.failures} failures in ${frame.groups} groups`;
  }

  // A swap under a reader's hands would lose what they are typing, selecting or clicking, so it waits.
  function busy() {
    const selection = document.getSelection();
    return Date.now() - pressedAt < PRESS_MS || Date.now() - typedAt < TYPING_MS || Boolean(selection && !selection.isCollapsed);
  }

  async function refresh() {
    if (fetching || !wanted || busy() || Date.now() - failedAt < AGAIN_MS) return; // the ticker asks again
    fetching = true;
    wanted = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.status === 404) return; // the group is gone; what the page shows was true when it was drawn
      if (!answer.ok) throw new Error(`answer ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (busy()) { wanted = true; return; }
      swap(fresh);
    } catch {
      wanted = true; // the stream notices a server that is gone; this is tried again a little later
      failedAt = Date.now();
    } finally {
      fetching = false;
    }
  }

  function swap(fresh) {
    const drawn = fresh.getElementById("main");
    if (!drawn) return;
    const ids = (where) => [...where.querySelectorAll("[data-live]")].map((section) => section.id).join();
    const kept = keep();
    if (ids(main) !== ids(drawn)) {
      main.replaceChildren(...[...drawn.childNodes].map((node) => document.importNode(node, true)));
    } else {
      for (const section of drawn.querySelectorAll("[data-live]")) {
        const old = document.getElementById(section.id);
        const made = document.importNode(section, true);
        const counts = new Map([...old.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row.dataset.count]));
        for (const row of made.querySelectorAll("[data-key]")) {
          if (counts.get(row.dataset.key) !== row.dataset.count) row.classList.add("changed");
        }
        old.replaceWith(made);
      }
    }
    revision = main.dataset.revision = drawn.dataset.revision;
    serverAheadMs = Number(drawn.dataset.nowMs) - Date.now();
    document.title = fresh.title;
    restore(kept);
    tellTimes();
    offerCopies();
  }

  function focusPath(element) {
    const section = element && element.closest("[data-live]");
    if (!section) return null;
    const like = element.id ? `#${CSS.escape(element.id)}`
      : element.matches("summary") ? `#${CSS.escape(element.parentElement.id)} > summary`
      : element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]`
      : element.dataset.copy ? `[data-copy="${CSS.escape(element.dataset.copy)}"]`
      : element.dataset.scroll ? `[data-scroll="${CSS.escape(element.dataset.scroll)}"]`
      : element.getAttribute("aria-label") ? `[aria-label="${CSS.escape(element.getAttribute("aria-label"))}"]` : null;
    return like && `#${CSS.escape(section.id)} ${like}`;
  }

  function keep() {
    return {
      x: scrollX, y: scrollY,
      focus: focusPath(document.activeElement),
      open: [...main.querySelectorAll("details[open][id]")].map((one) => one.id),
      scrolled: [...main.querySelectorAll("[data-scroll]")].map((one) => [one.dataset.scroll, one.scrollTop, one.scrollLeft]),
    };
  }

  function restore(kept) {
    for (const id of kept.open) {
      const one = document.getElementById(id);
      if (one) one.open = true;
    }
    for (const [name, top, left] of kept.scrolled) {
      const one = main.querySelector(`[data-scroll="${CSS.escape(name)}"]`);
      if (one) { one.scrollTop = top; one.scrollLeft = left; }
    }
    const focused = kept.focus && main.querySelector(kept.focus);
    if (focused) focused.focus({ preventScroll: true });
    scrollTo(kept.x, kept.y);
  }

  function ago(atMs) {
    const gone = Math.trunc((Date.now() + serverAheadMs - atMs) / 1000);
    if (gone < 5) return gone > -5 ? "just now" : "now"; // a time after now comes from a clock that is ahead
    const span = gone < 60 ? `${gone} s` : gone < 3600 ? `${Math.floor(gone / 60)} min`
      : gone < 86400 ? `${Math.floor(gone / 3600)} h` : `${Math.floor(gone / 86400)} d`;
    return `${span} ago`;
  }

  function tellTimes() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const says = ago(Number(time.dataset.ago));
      if (time.textContent !== says) time.textContent = says;
    }
  }

  function offerCopies() {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  document.addEventListener("input", () => { typedAt = Date.now(); });
  document.addEventListener("pointerdown", () => { pressedAt = Date.now(); });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => { pressedAt = 0; });
  document.addEventListener("submit", (event) => {
    // Empty fields ask for nothing: without them the address is short enough to be sent on.
    for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
  });

  tellTimes();
  offerCopies();
  if (revision === undefined) return; // a page that shows nothing of the store

  // A browser opens only six connections to a server; pages that nobody looks at give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && source) { clearTimeout(retryTimer); source.close(); source = null; }
    else if (!document.hidden && !source) connect();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const field of document.querySelectorAll(":disabled")) field.disabled = false;
    connect();
  });
  addEventListener("pagehide", () => { if (source) { clearTimeout(retryTimer); source.close(); source = null; } });
  setInterval(() => {
    if (document.hidden) return;
    tellTimes();
    refresh();
    if (source && Date.now() - heardAt > SILENCE_MS) { lost(); connect(); }
  }, 1000);
  connect();
})();
