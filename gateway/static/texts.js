// What the scripts say, in the language of the page.

const language = document.documentElement.lang;
// The language of the page, in the region of the reader where the browser tells one: en-GB, pt-BR.
export const locale = navigator.languages.find((one) => one.split("-")[0] === language) ?? language;
export const texts = JSON.parse(document.body.dataset.texts);

export const words = (name) => {
  const plain = name.replaceAll("_", " ").toLowerCase();
  return texts.names[plain] ?? plain;
};
export const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
