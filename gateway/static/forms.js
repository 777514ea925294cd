// What people type into forms: as the API takes it, kept through refreshes, not left behind without a question.

/** A form's fields as the API takes them: empty ones left out or what they stand for, numbers as numbers, lines as a list, dots as nesting. */
export function bodyOf(form) {
  const body = JSON.parse(form.dataset.base ?? "{}");
  for (const field of form.elements) {
    if (!field.name) continue;
    if ("empty" in field.dataset && field.value.trim() === "") place(body, field.name.split("."), JSON.parse(field.dataset.empty));
    if (field.type !== "checkbox" && field.value.trim() === "") continue;
    if (field.type === "checkbox" && !field.checked && !("boolean" in field.dataset)) continue;
    place(body, field.name.split("."), valueOf(field));
  }
  return body;
}

function valueOf(field) {
  if ("lines" in field.dataset) return field.value.split("\n").map((line) => line.trim()).filter(Boolean);
  if (field.type === "checkbox") return field.checked;
  if (field.type === "number") return field.valueAsNumber;
  return "exact" in field.dataset ? field.value : field.value.trim();
}

function place(body, [name, ...rest], value) {
  if (rest.length === 0) body[name] = value;
  else place((body[name] ??= {}), rest, value);
}

/** Whether a form holds something that is stored nowhere yet. */
function isTyped(form) {
  const untouched = form.cloneNode(true);
  untouched.reset();
  return held(form) !== held(untouched);
}

const held = (form) => new URLSearchParams(new FormData(form)).toString();

/** Whether leaving the page would lose something. Forms that only filter or lead somewhere hold nothing of worth. */
export function holdsTyped() {
  return [...document.querySelectorAll("form[data-send]")].some(isTyped);
}

/** What the form holds is stored: it counts as untouched from now on. */
export function settle(form) {
  for (const field of form.elements) {
    if ("defaultChecked" in field) field.defaultChecked = field.checked;
    if ("defaultValue" in field) field.defaultValue = field.value;
    for (const option of field.options ?? []) option.defaultSelected = option.selected;
  }
}

/**
 * Put the forms that somebody is at in place of their fresh copies, as they are: what is decided in them is about the
 * revision that was read when they were opened, so the server refuses it when there is a newer one. One that was refused
 * so is about what the page shows from now on.
 */
export function keepForms(old, next) {
  for (const form of old.querySelectorAll("form[data-send]")) {
    const box = form.closest("details");
    if (!box?.open && !isTyped(form)) continue;
    const fresh = next.querySelector(`form[data-send="${CSS.escape(form.dataset.send)}"]`);
    if (fresh && "refused" in form.dataset) form.dataset.match = fresh.dataset.match;
    delete form.dataset.refused;
    if (fresh) fresh.replaceWith(form);
    else if (isTyped(form)) next.append(box ?? form);
  }
}

addEventListener("beforeunload", (event) => {
  if (holdsTyped()) event.preventDefault();
});
