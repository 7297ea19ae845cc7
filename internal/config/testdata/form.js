// What a person does with the form that an editor makes of a schema. Evaluates to an object with the functions that form_test.go calls.
(() => {
  const makers = {};
  const change = (control, value) => {
    const option = [...(control.options ?? [])].find((o) => o.textContent.trim() === value || o.value === value);
    if (control.options && !option) throw new Error(`no ${value} among ${[...control.options].map((o) => o.textContent)}`);
    control.value = option ? option.value : value;
    control.dispatchEvent(new Event("input", {bubbles: true}));
    control.dispatchEvent(new Event("change", {bubbles: true}));
  };
  const open = (maker, schema) => new Promise((resolve) => {
    const holder = document.createElement("div");
    document.body.append(holder);
    const editor = new makers[maker](holder, {schema: structuredClone(schema), ajax: false});
    editor.on("ready", () => resolve({holder, editor}));
  });
  const saved = (form) => ({value: form.editor.getValue(), errors: form.editor.validate()});
  const at = (form, path) => [...form.holder.querySelectorAll(`[data-schemapath="root.${path}"]`)];
  const choose = (form, key, title) => change(at(form, key)[0].querySelector("select"), title);
  // The holder of a key's value, which is inside that of the choice.
  const valueOf = (form, key) => at(form, key).slice(1).find((e) => e.checkVisibility() && e.querySelector("input, select, textarea, button"));
  const fill = (form, key, value, isList) => {
    if (!isList) return change(valueOf(form, key).querySelector("input, select, textarea"), value);
    if (!at(form, key + ".0").length)
      [...valueOf(form, key).querySelectorAll("button")].find((b) => b.checkVisibility() && /item|\+|Add/i.test(b.textContent + b.title)).click();
    change(at(form, key + ".0")[0].querySelector("input, select, textarea"), value);
  };
  return {
    // keep remembers the constructor that the script of a maker has just put into its place.
    keep: (maker) => { makers[maker] = window.JSONEditor; delete window.JSONEditor; },
    untouched: async (maker, schema) => saved(await open(maker, schema)),
    configured: async (maker, schema, keys) => {
      const form = await open(maker, schema);
      for (const key of keys) choose(form, key, "Configured");
      return saved(form);
    },
    // each fills in one case after the other, and takes each back before the next one.
    each: async (maker, schema, cases) => {
      const form = await open(maker, schema);
      return cases.map((fields) => {
        const result = {};
        for (const field of fields) choose(form, field.key, "Configured");
        for (const field of fields) fill(form, field.key, field.value, field.isList);
        result.filled = saved(form);
        for (const field of fields) choose(form, field.key, "Not Configured");
        result.takenBack = saved(form);
        return result;
      });
    },
  };
})()
