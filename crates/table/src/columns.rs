//! What a table says of a run.

use constellation::sweep::Finished;
use constellation::{BiasKind, EngineChoice, Loss, Numerics, Schedule, TemperatureForm};

/// A value of each run.
pub(crate) enum Column {
    /// A whole number.
    Whole(fn(&Finished) -> u64),
    /// A number.
    Number(fn(&Finished) -> f64),
    /// A number, where the run has one.
    Optional(fn(&Finished) -> Option<f64>),
    /// True or false.
    Truth(fn(&Finished) -> bool),
    /// One of a few words.
    Word(fn(&Finished) -> &'static str),
}

use Column::{Number, Optional, Truth, Whole, Word};

/// The keys of a run's description, with `_` where they have a dot, and its final numbers.
pub(crate) const COLUMNS: &[(&str, Column)] = &[
    ("pairs", Whole(|run| run.experiment.pairs as u64)),
    ("dim", Whole(|run| run.experiment.dim as u64)),
    ("modalities", Whole(|run| run.experiment.modalities as u64)),
    ("epochs", Whole(|run| run.experiment.epochs as u64)),
    ("seed", Whole(|run| run.experiment.seed)),
    ("learning_rate", Number(|run| run.experiment.learning_rate)),
    ("temperature_init", Number(|run| run.experiment.temperature.init)),
    ("temperature_trainable", Truth(|run| run.experiment.temperature.trainable)),
    ("bias_kind", Word(|run| bias_kind(run.experiment.bias.kind))),
    ("bias_init", Number(|run| run.experiment.bias.init)),
    ("bias_trainable", Truth(|run| run.experiment.bias.trainable)),
    ("locked", Truth(|run| run.experiment.locked)),
    ("adapter", Optional(|run| run.experiment.adapter)),
    ("skip", Whole(|run| run.experiment.skip as u64)),
    ("numerics", Word(|run| numerics(run.experiment.numerics))),
    ("engine_choice", Word(|run| engine_choice(run.experiment.engine))),
    ("loss_kind", Word(|run| loss_kind(run.experiment.loss))),
    ("positives", Whole(|run| run.experiment.positives as u64)),
    ("schedule", Word(|run| schedule(run.experiment.schedule))),
    ("temperature_form", Word(|run| temperature_form(run.experiment.temperature.form))),
    ("loss", Number(|run| run.summary.loss)),
    ("temperature", Number(|run| run.summary.temperature)),
    ("bias", Number(|run| run.summary.bias)),
    ("relative_bias", Number(|run| run.summary.relative_bias)),
    ("margin", Number(|run| run.summary.margin)),
    ("optimal_relative_bias", Number(|run| run.summary.optimal_relative_bias)),
    ("delta", Optional(|run| run.summary.delta)),
    ("best_margin", Optional(|run| run.summary.best_margin)),
    ("engine", Word(|run| run.summary.engine)),
];

fn bias_kind(kind: BiasKind) -> &'static str {
    match kind {
        BiasKind::Relative => "relative",
        BiasKind::Absolute => "absolute",
    }
}

fn numerics(numerics: Numerics) -> &'static str {
    match numerics {
        Numerics::Paper => "paper",
        Numerics::Exact => "exact",
    }
}

fn loss_kind(loss: Loss) -> &'static str {
    match loss {
        Loss::Sigmoid => "sigmoid",
        Loss::InfoNce => "infonce",
    }
}

fn schedule(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Constant => "constant",
        Schedule::Cosine => "cosine",
    }
}

fn temperature_form(form: TemperatureForm) -> &'static str {
    match form {
        TemperatureForm::Logarithm => "logarithm",
        TemperatureForm::Plain => "plain",
        TemperatureForm::Reciprocal => "reciprocal",
    }
}

fn engine_choice(engine: EngineChoice) -> &'static str {
    match engine {
        EngineChoice::Auto => "auto",
        EngineChoice::Fused => "fused",
        EngineChoice::Libtorch => "libtorch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_description_has_a_column() {
        // What is left out where it is the default has to be there as well.
        let other = ["loss=infonce", "positives=2", "schedule=cosine", "numerics=exact"];
        let other = constellation::Experiment::default().with(&other).unwrap();
        let other = other.with(&["temperature.form=plain"]).unwrap();
        for [key, _] in constellation::description::entries(&other) {
            let name = match key.as_str() {
                "engine" => "engine_choice".to_owned(),
                "loss" => "loss_kind".to_owned(),
                key => key.replace('.', "_"),
            };
            assert!(COLUMNS.iter().any(|(column, _)| *column == name), "{name}");
        }
    }
}
