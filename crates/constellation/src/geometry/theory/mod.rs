//! What the margin of a constellation can be: an upper bound, and constructions that meet it
//! up to M - 1 dimensions.
//!
//! Notation: N pairs of unit vectors U_i, V_i in dimension d with s_ii >= b_rel + m and
//! s_ij <= b_rel - m for i != j, m > 0; with M modalities the same for every two of them. A
//! spherical code is a set of unit vectors, and c its largest cosine.
//!
//! # The bound
//! It is ours, not the paper's (arXiv 2509.18552), and contains its Theorems 3.4 and 3.5:
//! with c the largest cosine of some code of N points in dimension d,
//!
//! ```text
//! m <= min( (1 + b_rel) (1 - c) / (3 + c), 1 - b_rel ).
//! ```
//!
//! *Proof.* Let P_i = U_i + V_i, so that |P_i|^2 = 2 + 2 s_ii. From
//! |(U_i - V_i) - (U_j - V_j)|^2 >= 0,
//!
//! ```text
//! <P_i, P_j> <= 2 - s_ii - s_jj + 2 (s_ij + s_ji) <= 2 - s_ii - s_jj + 4 (b_rel - m).
//! ```
//!
//! Divide by |P_i| |P_j|. A right side that is positive falls in s_ii and in s_jj; one that is
//! negative is at most what the arithmetic mean of |P_i|^2 and |P_j|^2 in place of the geometric one
//! leaves, and that falls in s_ii + s_jj. Put b_rel + m for both:
//! cos(P_i, P_j) <= alpha = (1 + b_rel - 3m) / (1 + b_rel + m), which is
//! [`largest_cosine_of_sums`]. So the normalised P_i are a code of N points in dimension d
//! with c <= alpha; solve for m. The other half is b_rel + m <= s_ii <= 1. Equality needs
//! U_i - V_i to be the same for all i, which is why xi falls in training.
//!
//! c is known from below: [`least_cosine`]. For N <= d + 1 it is -1 / (N - 1) (Theorem 3.4:
//! (3 - 4/N) m <= 1 + b_rel), and for many points Rankin's bound on codes gives Theorem 3.5.
//!
//! # More modalities
//! Let P_i be the sum of the vectors of pair i. With the mean of the inequality above over all
//! pairs of modalities, sigma_i the mean of s_ii and tau that of s_ij over them,
//! <P_i, P_j> <= M (1 - (sigma_i + sigma_j) / 2 + M tau) and |P_i|^2 = M (1 + (M - 1) sigma_i), so
//!
//! ```text
//! m <= min( (1 + (M-1) b_rel) (1 - c) / (M + 1 + (M-1) c), 1 - b_rel )   for N >= M.
//! ```
//!
//! The step that puts b_rel + m for sigma needs b_rel - m >= -1 / (M - 1). Below that all cosines
//! of the P_i would be under -1 / (M - 1), which only fewer than M vectors can have. N >= M is
//! needed: for N = 2, M = 3, U_1 = -U_2 = (e, e, e) has margin 0.6 at b_rel = -0.4, where the
//! formula says 0.2. The formula falls in M for b_rel < (1 + c) / 2: more modalities never allow a
//! larger margin.
//!
//! # The construction
//! (delta x_i, sqrt(1 - delta^2) w_a) from a code x in dimension d - M + 1 and the vertices w of a
//! simplex ([`construct`]; the paper's adapter, on one code for both, if M = 2) has the formula's
//! margin with the c of that code. From b_rel = (1 + c) / 2 on, delta = 1: all modalities are
//! the code.

mod bound;
mod construction;
mod fixed;
mod subsets;

pub use self::bound::{dimension_needed, largest_cosine_of_sums, log10_pairs, margin_bound, margin_of_code};
pub use self::construction::{construct, margin_on_two_sides};
pub use self::fixed::{FixedMinimum, fixed_minimum, fixed_thresholds};
pub use self::subsets::{SubsetCeilings, subset_ceilings};
pub use super::codes::{largest_code, largest_cosine, least_cosine, spread_code};
