// What the page says in words and numbers.

// Brings all controls to the state.
function showSetting(find, { run, temperature, bias, trained, frame, ranges }, { k, playing, follow, zoomed, numerics }) {
  const place = (range, x) => clamp((x - range[0]) / (range[1] - range[0]), [0, 1]);
  const logPlace = (t) => place(ranges.log, Math.log10(t));
  find("temperature").value = logPlace(temperature);
  find("bias").value = place(ranges.bias, bias);
  find("temperature").setAttribute("aria-valuetext", significant(temperature, 4));
  find("bias").setAttribute("aria-valuetext", bias.toFixed(4));
  for (const [id, text] of [["temperature-number", significant(temperature, 6)], ["bias-number", String(Number(bias.toFixed(6)))]]) {
    // What is being typed is not overwritten.
    if (find(id).getRootNode().activeElement !== find(id)) find(id).value = text;
  }
  find("temperature-mark").style.setProperty("--from", logPlace(trained.temperature));
  find("bias-mark").style.setProperty("--from", place(ranges.bias, trained.bias));
  const [lowest, highest] = frame.extremes;
  find("bias-band").hidden = lowest <= highest;
  find("bias-band").style.setProperty("--from", place(ranges.bias, highest));
  find("bias-band").style.setProperty("--to", place(ranges.bias, lowest));
  find("epoch").value = k ?? run.epochs().length - 1;
  find("epoch").setAttribute("aria-valuetext", `epoch ${frame.epoch}`);
  find("epoch-value").textContent = frame.epoch.toLocaleString("en");
  find("play").textContent = playing ? "⏸" : "▶";
  find("play").setAttribute("aria-label", playing ? "Pause the training" : "Play the training");
  find("follow").checked = follow;
  find("zoom").checked = zoomed;
  find("numerics").value = numerics;
}

function showReadouts(find, { frame, temperature, bias, trained, numerics, chosen, chosenSimilarity }) {
  const write = (id, text) => (find(id).textContent = text);
  const { sample, extremes } = frame;
  const similarity = chosenSimilarity === null ? "" : `, similarity ${chosenSimilarity.toFixed(4)}`;
  write("chosen", chosen === null ? "" : `pair ${chosen + 1}${similarity}`);
  const parts = lossParts(sample, temperature, bias, numerics);
  const whole = parts.matching + parts.nonMatching;
  write("loss", scientific(whole));
  write("loss-trained", `trained ${scientific(loss(sample, trained.temperature, trained.bias, numerics))}`);
  write("loss-matching", scientific(parts.matching));
  write("loss-non-matching", scientific(parts.nonMatching));
  find("share").style.width = `${whole > 0 ? clamp((100 * parts.matching) / whole, [0, 100]) : 50}%`;
  const right = separated(sample, bias);
  // Counts of groups are those of whole groups.
  const about = sample.isGrouped ? "≈ " : "";
  write("above", about + outOf(right.matching, sizeOf(sample.matching)));
  write("below", about + outOf(right.nonMatching, sizeOf(sample.nonMatching)));
  write("margin", significant((extremes[0] - extremes[1]) / 2, 4));
  write("optimal", significant((extremes[0] + extremes[1]) / 2, 4));
  write("absolute", significant(temperature * bias, 5));
}

// What stays the same while the reader plays with one run.
function describe(find, { run, frame, theme }) {
  const { title, modalities, pairs, dim } = run;
  find("title").textContent = title;
  find("epoch").max = run.stops - 1;
  const several = modalities > 2 ? `, all ${(modalities * (modalities - 1)) / 2} pairs of modalities together` : "";
  const condensed = frame.sample.isGrouped ? "; the loss is computed from groups of similarities, within 1 %" : "";
  find("about").textContent = `${modalities} modalities, N = ${pairs} pairs, d = ${dim}${several}${condensed}`;
  const names = modalities === 2 ? ["U", "V"] : Array.from({ length: modalities }, (_, k) => `modality ${k + 1}`);
  find("ball-legend").replaceChildren(
    ...names.map((name, k) => {
      const mark = document.createElement("span");
      mark.style.color = `var(--modality-${k % theme.modalities.length})`;
      mark.textContent = `${k ? "◆" : "●"} ${name}  `;
      return mark;
    }),
  );
  find("ball-help").textContent = describeBall(run, frame);
  find("map-help").textContent =
    "White: the path of training, its white point the epoch shown. Drag in the map or the histogram to move the setting (ring). Dashed: highest non-matching and lowest matching similarity; between them lies the margin.";
}

function describeBall({ pairs, dim, share }, frame) {
  const drawn = frame.drawn < pairs ? ` The first ${frame.drawn} pairs.` : "";
  if (dim < 3) return `The vectors themselves.${drawn}`;
  if (dim === 3) return `Drag or use the arrow keys to turn. Point at a pair: the circle holds what is at similarity b_rel to its U.${drawn}`;
  const shares = share ? ` (${Math.round(100 * share[0])} % and ${Math.round(100 * share[1])} % of the variance)` : "";
  return `The first two principal axes of the final vectors${shares}; drag to see the third.${drawn}`;
}

const scientific = (x) => (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(3) : significant(x, 4));
const significant = (x, digits) => String(Number(x.toPrecision(digits)));
const outOf = (count, all) => `${Math.round(count).toLocaleString("en")} / ${all.toLocaleString("en")}`;
