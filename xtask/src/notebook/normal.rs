//! The committed form of an executed notebook: the same content gives the same bytes.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json, ser::PrettyFormatter};

use crate::kernel::spec;

/// Brings a notebook into the form that is committed: a kernel of the project's, counts 1, 2, 3 …, stable
/// cell ids, no volatile metadata; keys sorted and indented by one, as Jupyter itself writes.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn normal(mut notebook: Value) -> Result<Vec<u8>> {
    let language = notebook["metadata"]["language_info"].take();
    let kernel = super::kernel(&notebook);
    notebook["metadata"] = json!({"kernelspec": spec::metadata(kernel)});
    if language.is_object() {
        notebook["metadata"]["language_info"] = language;
    }
    notebook["nbformat"] = 4.into();
    notebook["nbformat_minor"] = 5.into();
    let mut count = 0;
    for (index, cell) in notebook["cells"].as_array_mut().into_iter().flatten().enumerate() {
        if !cell["id"].is_string() {
            cell["id"] = format!("cell-{}", index + 1).into();
        }
        normal_metadata(&mut cell["metadata"]);
        if cell["cell_type"] == "code" && cell["execution_count"].is_u64() {
            count += 1;
            cell["execution_count"] = count.into();
            for output in cell["outputs"].as_array_mut().into_iter().flatten() {
                if output["output_type"] == "execute_result" {
                    output["execution_count"] = count.into();
                }
            }
        }
    }
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b" ");
    notebook.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Keeps what a person has set, drops what a program has left.
fn normal_metadata(metadata: &mut Value) {
    let kept = ["tags", "jupyter", "slideshow"];
    let Some(found) = metadata.as_object_mut() else {
        *metadata = json!({});
        return;
    };
    found.retain(|key, _| kept.contains(&key.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;

    #[test]
    fn a_kernel_of_the_projects_stays() {
        for (named, kept) in [("siglip-rust-synthetic", Kernel::Synthetic), ("rust", Kernel::Full)] {
            let notebook = json!({"metadata": {"kernelspec": {"name": named}}, "cells": []});
            let notebook: Value = serde_json::from_slice(&normal(notebook).unwrap()).unwrap();
            assert_eq!(notebook["metadata"]["kernelspec"], spec::metadata(kept));
        }
    }

    #[test]
    fn what_is_volatile_goes_and_the_rest_stays() {
        let executed = json!({
            "metadata": {"kernelspec": {"name": "other"}, "language_info": {"name": "Rust"}, "widgets": {}},
            "nbformat": 4, "nbformat_minor": 4,
            "cells": [
                {"cell_type": "markdown", "id": "intro", "metadata": {"collapsed": true}, "source": "# A"},
                {"cell_type": "code", "metadata": {"tags": ["parameters"], "execution": {"t": 1}}, "source": "1",
                 "execution_count": 7,
                 "outputs": [{"output_type": "execute_result", "execution_count": 7, "data": {}, "metadata": {}}]},
                {"cell_type": "code", "id": "x", "metadata": {}, "source": "", "execution_count": null, "outputs": []},
                {"cell_type": "code", "id": "y", "metadata": {}, "source": "2", "execution_count": 9, "outputs": []},
            ],
        });
        let bytes = normal(executed).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with("{\n \"cells\": [\n  {\n   \"cell_type\"") && text.ends_with("}\n"));
        let notebook: Value = serde_json::from_slice(&bytes).unwrap();
        let cells = notebook["cells"].as_array().unwrap();
        assert_eq!(notebook["metadata"]["kernelspec"], spec::metadata(Kernel::Full));
        assert_eq!(notebook["metadata"]["language_info"]["name"], "Rust");
        assert!(notebook["metadata"]["widgets"].is_null());
        assert_eq!(cells[0]["id"], "intro");
        assert_eq!(cells[0]["metadata"], json!({}));
        assert_eq!(cells[1]["id"], "cell-2");
        assert_eq!(cells[1]["metadata"], json!({"tags": ["parameters"]}));
        assert_eq!(cells[1]["execution_count"], 1);
        assert_eq!(cells[1]["outputs"][0]["execution_count"], 1);
        assert!(cells[2]["execution_count"].is_null());
        assert_eq!(cells[3]["execution_count"], 2);
        assert_eq!(normal(notebook).unwrap(), bytes, "the form is a fixed point");
    }
}
