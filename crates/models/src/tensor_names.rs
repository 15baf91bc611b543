//! Which tensors of OpenCLIP's layout a tensor by Hugging Face's name is made of.

/// Where the rows of a tensor come from, by OpenCLIP's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the whole of a tensor, which may have another number of sides of length 1.
    Whole(String),
    /// From the third with this number, counted from 0, of a tensor with thrice the rows.
    Third(String, i64),
    /// A third of them from the first tensor, and the rest from the second one.
    Joined(String, String),
}

/// Projections of queries, keys and values, which are one tensor there.
const PROJECTIONS: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

/// What the tensor `name`, which is Hugging Face's, is to be made of.
pub(crate) fn source(name: &str) -> Source {
    if let Some(rest) = name.strip_prefix("vision_model.head.attention.in_proj_") {
        let pool = |part: &str| format!("visual.trunk.attn_pool.{part}.{rest}");
        return Source::Joined(pool("q"), pool("kv"));
    }
    for (prefix, layers, joint) in [
        ("vision_model.encoder.layers.", "visual.trunk.blocks.", "attn.qkv."),
        ("text_model.encoder.layers.", "text.transformer.resblocks.", "attn.in_proj_"),
    ] {
        let Some((layer, rest)) = name.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        if let Some((projection, what)) =
            rest.strip_prefix("self_attn.").and_then(|rest| rest.split_once('.'))
            && let Some(part) = PROJECTIONS.iter().position(|known| *known == projection)
        {
            return Source::Third(format!("{layers}{layer}.{joint}{what}"), part as i64);
        }
        return Source::Whole(format!(
            "{layers}{layer}.{}",
            within_block(rest, prefix.starts_with("vision"))
        ));
    }
    Source::Whole(outside_blocks(name))
}

fn within_block(name: &str, vision: bool) -> String {
    let (own, fields) = name.rsplit_once('.').unwrap_or((name, ""));
    let module = match (own, vision) {
        ("layer_norm1", true) => "norm1",
        ("layer_norm2", true) => "norm2",
        ("self_attn.out_proj", true) => "attn.proj",
        ("layer_norm1", false) => "ln_1",
        ("layer_norm2", false) => "ln_2",
        ("self_attn.out_proj", false) => "attn.out_proj",
        ("mlp.fc1", false) => "mlp.c_fc",
        ("mlp.fc2", false) => "mlp.c_proj",
        (own, _) => own,
    };
    format!("{module}.{fields}")
}

fn outside_blocks(name: &str) -> String {
    match name {
        "text_model.embeddings.position_embedding.weight" => return "text.positional_embedding".to_owned(),
        "vision_model.embeddings.position_embedding.weight" => return "visual.trunk.pos_embed".to_owned(),
        "vision_model.head.probe" => return "visual.trunk.attn_pool.latent".to_owned(),
        _ => {}
    }
    for (prefix, other) in [
        ("vision_model.embeddings.patch_embedding.", "visual.trunk.patch_embed.proj."),
        ("vision_model.post_layernorm.", "visual.trunk.norm."),
        ("vision_model.head.attention.out_proj.", "visual.trunk.attn_pool.proj."),
        ("vision_model.head.layernorm.", "visual.trunk.attn_pool.norm."),
        ("vision_model.head.mlp.", "visual.trunk.attn_pool.mlp."),
        ("text_model.embeddings.token_embedding.", "text.token_embedding."),
        ("text_model.final_layer_norm.", "text.ln_final."),
        ("text_model.head.", "text.text_projection."),
    ] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return format!("{other}{rest}");
        }
    }
    name.to_owned() // logit_scale and logit_bias
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_the_other_layout() {
        let whole = |name: &str| Source::Whole(name.to_owned());
        for (name, expected) in [
            ("logit_scale", whole("logit_scale")),
            ("text_model.head.bias", whole("text.text_projection.bias")),
            (
                "text_model.encoder.layers.11.self_attn.k_proj.bias",
                Source::Third("text.transformer.resblocks.11.attn.in_proj_bias".to_owned(), 1),
            ),
            (
                "text_model.encoder.layers.0.self_attn.out_proj.weight",
                whole("text.transformer.resblocks.0.attn.out_proj.weight"),
            ),
            (
                "vision_model.encoder.layers.3.self_attn.v_proj.weight",
                Source::Third("visual.trunk.blocks.3.attn.qkv.weight".to_owned(), 2),
            ),
            ("vision_model.encoder.layers.3.mlp.fc2.weight", whole("visual.trunk.blocks.3.mlp.fc2.weight")),
            (
                "vision_model.head.attention.in_proj_weight",
                Source::Joined(
                    "visual.trunk.attn_pool.q.weight".to_owned(),
                    "visual.trunk.attn_pool.kv.weight".to_owned(),
                ),
            ),
        ] {
            assert_eq!(source(name), expected, "{name}");
        }
    }
}
