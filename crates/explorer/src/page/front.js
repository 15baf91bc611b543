// The guided experiments: each button trains what it describes, in the explorer below.
{
  const buttons = document.querySelectorAll("[data-experiment]");
  const host = document.querySelector(".siglip-explorer");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      host.train(JSON.parse(button.dataset.experiment), Number(button.dataset.seconds ?? 0));
      host.scrollIntoView({ behavior: "smooth", block: "start" });
    });
  }
}
