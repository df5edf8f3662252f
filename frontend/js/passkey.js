// A form with data-passkey="get" or "create": asks the server what to sign, the browser for the passkey, then is sent.
const known = window.PublicKeyCredential?.parseCreationOptionsFromJSON;

async function answer(form) {
  const reply = await fetch(form.dataset.options, { method: "POST", body: new FormData(form), credentials: "same-origin" });
  if (!reply.ok) throw new Error(String(reply.status));
  const { publicKey } = await reply.json();
  const credential =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  form.elements.credential.value = JSON.stringify(credential);
  form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !known;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const told = form.querySelector("[data-passkey-error]");
    told.hidden = true;
    answer(form).catch(() => {
      told.textContent = form.dataset.textFailed;
      told.hidden = false;
    });
  });
}
