// The setting as Rust, as JSON and as an address, to be copied and to be taken from there.

function makeCode({ host, find, defaults, experiment, take }) {
  // The address is a page's own only where the page is nothing but an explorer.
  const ownsAddress = document.documentElement.dataset.siglipExplorer !== undefined && document.querySelector(".siglip-explorer") === host;
  const text = find("code");
  const form = find("code-form");
  const say = (words) => (find("code-said").textContent = words);
  const address = () => location.href.replace(/#.*/, "") + asHash(experiment(), defaults);
  const show = () => {
    if (form.value === "rust") text.value = asRust(experiment(), defaults);
    else text.value = JSON.stringify(form.value === "json" ? experiment() : abridged(experiment(), defaults), null, 1);
    text.readOnly = form.value === "rust";
    find("take").hidden = text.readOnly;
    say("");
  };
  const copy = async (words) => {
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      // Where a page may not write there, the browser's own command may.
      const before = text.value;
      text.value = words;
      text.select();
      document.execCommand("copy");
      text.value = before;
    }
    say("Copied.");
  };
  form.addEventListener("change", show);
  find("copy").addEventListener("click", () => copy(text.value));
  find("copy-link").addEventListener("click", () => copy(address()));
  find("take").addEventListener("click", () => {
    try {
      take(completed(JSON.parse(text.value), defaults));
    } catch (error) {
      say(error.message);
    }
  });
  const fromAddress = () => (document.querySelector(".siglip-explorer") === host ? fromHash(location.hash, defaults) : null);
  window.addEventListener("hashchange", () => {
    const wanted = host.isConnected && fromAddress();
    if (wanted && asHash(wanted, defaults) !== asHash(experiment(), defaults)) take(wanted);
  });
  return {
    show,
    fromAddress,
    // Once a training has ended, the address follows; without a `hashchange`, which would come when
    // the next knob may have been turned, and turn it back.
    settle: () => ownsAddress && history.replaceState(null, "", asHash(experiment(), defaults)),
  };
}
