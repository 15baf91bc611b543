Experiment {
    pairs: 20,
    dim: 3,
    learning_rate: 0.001,
    temperature: Temperature::fixed(200.0),
    bias: Bias::trained(BiasKind::Absolute, -4.5),
    locked: true,
    adapter: Some(1.0),
    skip: 4,
    numerics: Numerics::Exact,
    ..Experiment::default()
}
