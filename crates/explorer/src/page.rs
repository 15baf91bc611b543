//! Joins the files of `page/` and the data into HTML.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// The drawing code, most basic first; together one function's body.
const SCRIPTS: [&str; 17] = [
    include_str!("page/vendor/uPlot.iife.min.js"),
    include_str!("page/axes.js"),
    include_str!("page/numerics.js"),
    include_str!("page/trainer.js"),
    include_str!("page/engine.js"),
    include_str!("page/experiment.js"),
    include_str!("page/settings.js"),
    include_str!("page/frames.js"),
    include_str!("page/theme.js"),
    include_str!("page/ball.js"),
    include_str!("page/charts.js"),
    include_str!("page/landscape.js"),
    include_str!("page/readouts.js"),
    include_str!("page/knobs.js"),
    include_str!("page/code.js"),
    include_str!("page/training.js"),
    include_str!("page/explorer.js"),
];
/// The engine, compressed: what `cargo run --package siglip-explorer-engine --example build` writes.
const ENGINE: &[u8] = include_bytes!("page/engine.wasm.zlib");
const STYLES: [&str; 2] = [include_str!("page/vendor/uPlot.min.css"), include_str!("page/explorer.css")];
const BODY: &str = include_str!("page/explorer.html");
const UPLOT_LICENSE: &str = include_str!("page/vendor/uPlot.LICENSE");

/// An element that draws itself from the JSON `payload`, and trains if it or another one brings the engine. Until it does, and wherever scripts
/// do not run, it is the picture `still` (a PNG, or nothing) with a line of text.
///
/// The page lives in a shadow root: neither its styles nor its names meet those of the
/// notebook or of another explorer.
pub(super) fn fragment(title: &str, still: &[u8], payload: &str, brings_engine: bool) -> String {
    let title = escape(title);
    let picture = match still {
        [] => String::new(),
        png => {
            let png = BASE64_STANDARD.encode(png);
            format!("<img alt=\"{title}\" src=\"data:image/png;base64,{png}\">\n")
        }
    };
    let script = SCRIPTS.join("\n");
    let engine =
        if brings_engine { format!("\"{}\"", BASE64_STANDARD.encode(ENGINE)) } else { "null".to_owned() };
    let (style, body) = (quote(&STYLES.join("\n")), quote(BODY));
    let payload = neutralise(payload);
    format!(
        "<div class=\"siglip-explorer\">\n{picture}\
         <p><em>{title}: the interactive explorer needs scripts. In JupyterLab, trust this notebook \
         and run the cell.</em></p>\n\
         <script>\n(() => {{\n\"use strict\";\n/*!\nuPlot\n{UPLOT_LICENSE}\n*/\n{script}\n\
         start(document.currentScript, {style}, {body}, {payload}, {engine});\n}})();\n</script>\n</div>"
    )
}

/// A document around `fragment`, to be opened from disk.
pub(super) fn document(title: &str, fragment: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\" data-siglip-explorer>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
         <body>\n{fragment}\n</body>\n</html>\n",
        escape(title)
    )
}

/// `text` as a string of JavaScript that no HTML parser takes for a tag.
fn quote(text: &str) -> String {
    neutralise(&serde_json::to_string(text).expect("a string is valid JSON"))
}

/// JSON in which no `<` is left: in JSON it only stands in strings.
fn neutralise(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
