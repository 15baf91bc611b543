//! Final numbers of very many runs, whose vectors are not kept, as a picture and a table.

use std::collections::BTreeMap;

use constellation::{Outcome, description};
use figures::{Error, Figure, HeatMap, Scale, Series, Transform};
use ndarray::Array2;

use crate::error::Result;
use crate::show::{ENSEMBLES, ensemble_row};
use crate::spread::Spread;
use crate::table::Table;

/// Mean and deviation of the final numbers of runs that are kept, a row for each label, in order of the
/// labels' first run: as the table of [`constellation::Runs`] that were trained.
pub fn outcomes_table(outcomes: &[Outcome], label: impl Fn(&Outcome) -> String) -> Table {
    let columns: [fn(&Outcome) -> f64; 4] = [
        |outcome| outcome.loss,
        |outcome| outcome.temperature,
        |outcome| outcome.relative_bias,
        Outcome::margin,
    ];
    by_label(outcomes, label).iter().fold(Table::new(&ENSEMBLES), |table, (label, same)| {
        let columns = columns.map(|of| same.iter().map(|outcome| of(outcome)).collect());
        table.row(&ensemble_row(label, &columns))
    })
}

/// A final number of runs over another, a curve for each label, with the spread of those that have the
/// same label and the same `x`.
pub fn outcomes_over(
    outcomes: &[Outcome],
    label: impl Fn(&Outcome) -> String,
    x: impl Fn(&Outcome) -> f64,
    spread: Spread,
    of: impl Fn(&Outcome) -> f64,
) -> Vec<Series> {
    let curve = |(label, same): (String, Vec<&Outcome>)| {
        let mut by_x: BTreeMap<Ordered, Vec<f64>> = BTreeMap::new();
        same.into_iter().for_each(|outcome| by_x.entry(Ordered(x(outcome))).or_default().push(of(outcome)));
        let x: Vec<f64> = by_x.keys().map(|x| x.0).collect();
        let [low, middle, high] = spread.columns(by_x.into_values());
        Series::connected(&label, &x, &middle).within(&low, &high)
    };
    by_label(outcomes, label).into_iter().map(curve).collect()
}

/// The outcomes under their labels, in order of the labels' first.
fn by_label(outcomes: &[Outcome], label: impl Fn(&Outcome) -> String) -> Vec<(String, Vec<&Outcome>)> {
    let mut labelled: Vec<(String, Vec<&Outcome>)> = Vec::new();
    for outcome in outcomes {
        let label = label(outcome);
        match labelled.iter_mut().find(|(other, _)| *other == label) {
            Some((_, same)) => same.push(outcome),
            None => labelled.push((label, vec![outcome])),
        }
    }
    labelled
}

/// A number over a grid of two keys of the runs' descriptions, such as `temperature.init`: the mean of
/// the runs that have both values, whatever else distinguishes them, as a heat map. The values of a key
/// have to be a grid of a sweep, equidistant on its scale; `outcomes` come from
/// [`Outcome::read_all`], of the `runs.jsonl` that `siglip sweep` and `siglip merge` write.
///
/// # Errors
/// [`crate::Error::Figure`] if a run has no such key or no number under it, or a cell of the grid has no
/// run.
pub fn phase_diagram(
    title: &str,
    outcomes: &[Outcome],
    [(x_key, x), (y_key, y)]: [(&str, Scale); 2],
    colour: Scale,
    of: impl Fn(&Outcome) -> f64,
) -> Result<Figure> {
    let mut cells: BTreeMap<[Ordered; 2], (f64, usize)> = BTreeMap::new();
    for outcome in outcomes {
        let (sum, count) = cells.entry([value(outcome, y_key)?, value(outcome, x_key)?]).or_default();
        *sum += of(outcome);
        *count += 1;
    }
    let axis = |which: usize| {
        let mut values: Vec<Ordered> = cells.keys().map(|cell| cell[which]).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let (rows, columns) = (axis(0), axis(1));
    if rows.is_empty() {
        return Err(Error::Figure(format!("{title}: there are no values")).into());
    }
    let mut values = Array2::zeros((rows.len(), columns.len()));
    for ((i, row), (j, column)) in
        rows.iter().enumerate().flat_map(|row| columns.iter().enumerate().map(move |column| (row, column)))
    {
        let cell = cells.get(&[*row, *column]);
        let (sum, count) = cell.ok_or_else(|| {
            Error::Figure(format!("{title}: no run has {y_key} = {} and {x_key} = {}", row.0, column.0))
        })?;
        values[[i, j]] = sum / *count as f64;
    }
    let map = HeatMap {
        x: around(x, &columns),
        y: around(y, &rows),
        colour,
        values,
        path: Vec::new(),
        curves: Vec::new(),
    };
    Ok(figures::heat_map(title, &map)?)
}

/// A number that sorts.
#[derive(Debug, Clone, Copy)]
struct Ordered(f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The number under a dotted key of a run's description.
fn value(outcome: &Outcome, key: &str) -> Result<Ordered> {
    let entries = description::entries(&outcome.experiment);
    let entry = entries.into_iter().find(|[name, _]| name == key);
    let number = entry.and_then(|[_, value]| value.parse().ok());
    Ok(number.map(Ordered).ok_or_else(|| Error::Figure(format!("a run has no number under `{key}`")))?)
}

/// The scale with a range that has each value in the middle of its cell.
fn around(scale: Scale, values: &[Ordered]) -> Scale {
    let (first, last) = (values[0].0, values[values.len() - 1].0);
    let steps = values.len().max(2) as f64 - 1.0;
    match scale.transform {
        Transform::Log => {
            let half = if first == last { 2f64.sqrt() } else { (last / first).powf(0.5 / steps) };
            scale.between(first / half, last * half)
        }
        Transform::Linear => {
            let half = if first == last { 0.5 } else { (last - first) / steps / 2.0 };
            scale.between(first - half, last + half)
        }
    }
}

#[cfg(test)]
mod tests {
    use constellation::{Experiment, Run, Settings};

    use super::*;
    use crate::show::ShowTable;
    use crate::spread::over_parameter;

    #[test]
    fn kept_runs_have_the_table_of_the_runs_themselves() {
        let experiment = Experiment { pairs: 5, dim: 3, epochs: 5, ..Experiment::default() };
        let sweep = experiment.vary("temperature.init", [1, 10]).unwrap();
        let sweep = sweep.labelled(|run| format!("t = {}", run.temperature.init)).seeds([1, 2]);
        let runs = sweep.train(Settings::default()).unwrap();
        let outcomes: Vec<Outcome> = runs.runs.iter().map(Outcome::of).collect();
        let table = outcomes_table(&outcomes, |kept| format!("t = {}", kept.experiment.temperature.init));
        assert_eq!(table.to_string(), runs.table().to_string());

        let x = |outcome: &Outcome| outcome.experiment.temperature.init;
        let all = |_: &Outcome| "all".to_owned();
        let curves = outcomes_over(&outcomes, all, x, Spread::Deviation, |outcome| outcome.loss);
        assert_eq!(curves, [over_parameter("all", &[1.0, 10.0], &runs, Spread::Deviation, Run::loss)]);
    }

    #[test]
    fn a_phase_diagram_needs_every_cell() {
        let experiment = Experiment { pairs: 5, dim: 3, epochs: 5, ..Experiment::default() };
        let sweep = experiment.vary("temperature.init", [1, 10, 100]).unwrap();
        let sweep = sweep.vary("bias.init", [-0.5, 0.5]).unwrap().seeds([1, 2]);
        let runs = sweep.train(Settings::default()).unwrap().runs;
        let outcomes: Vec<Outcome> = runs.iter().map(Outcome::of).collect();
        let draw = |outcomes: &[Outcome], key: &str| {
            let axes =
                [("bias.init", Scale::linear("b_rel at the start")), (key, Scale::log("t at the start"))];
            phase_diagram("Final t", outcomes, axes, Scale::log("t"), |outcome| outcome.temperature)
        };
        assert!(!draw(&outcomes, "temperature.init").unwrap().png.is_empty());
        let message = draw(&outcomes[4..], "temperature.init").map(drop);
        assert!(message.is_ok(), "a whole row less is a smaller grid");
        let error = |outcomes: &[Outcome], key| draw(outcomes, key).unwrap_err().to_string();
        assert!(
            error(&outcomes[2..], "temperature.init").contains("temperature.init = 1 and bias.init = -0.5")
        );
        assert!(error(&outcomes, "numerics").contains("`numerics`"));
        assert!(error(&[], "temperature.init").contains("no values"));
    }
}
