//! The coefficients: of parity from data, and of lost shards from those that are left. Pure arithmetic on a few bytes.
//!
//! Any k rows of the identity stacked on the Cauchy rows are independent, so any k shards determine the rest; the
//! tests show it for every pattern of loss of the small codes.

use super::SHARDS_MAX;
use super::field::{inverse, mul};

/// The most cells a matrix of this module has: rows and columns together are at most `SHARDS_MAX`.
const CELLS_MAX: usize = (SHARDS_MAX / 2) * (SHARDS_MAX / 2);

/// A matrix over GF(2^8), held in place: making one allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    cells: [u8; CELLS_MAX],
}

impl Matrix {
    /// A matrix whose cell at row `i` and column `j` is `cell(i, j)`.
    pub(super) fn new(rows: usize, columns: usize, cell: impl Fn(usize, usize) -> u8) -> Self {
        assert!(rows * columns <= CELLS_MAX, "a code has no matrix of {rows} x {columns}");
        let mut cells = [0; CELLS_MAX];
        for i in 0..rows {
            for j in 0..columns {
                cells[i * columns + j] = cell(i, j);
            }
        }
        Self { rows, columns, cells }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The coefficients of one output.
    pub(super) fn row(&self, i: usize) -> &[u8] {
        &self.cells[i * self.columns..][..self.columns]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> u8 {
        self.row(i)[j]
    }

    fn row_mut(&mut self, i: usize) -> &mut [u8] {
        &mut self.cells[i * self.columns..][..self.columns]
    }

    /// The inverse by Gauss-Jordan elimination, or nothing if the rows depend on one another.
    pub(super) fn inverse(&self) -> Option<Self> {
        assert_eq!(self.rows, self.columns, "only a square matrix can be inverted");
        let mut left = self.clone();
        let mut right = Self::new(self.rows, self.rows, |i, j| u8::from(i == j));
        for column in 0..self.columns {
            let pivot = (column..self.rows).find(|&i| left.at(i, column) != 0)?;
            let factor = inverse(left.at(pivot, column))?;
            for matrix in [&mut left, &mut right] {
                matrix.swap_rows(pivot, column);
                matrix.scale_row(column, factor);
            }
            for i in (0..self.rows).filter(|&i| i != column) {
                let factor = left.at(i, column);
                left.add_row(column, factor, i);
                right.add_row(column, factor, i);
            }
        }
        Some(right)
    }

    fn swap_rows(&mut self, a: usize, b: usize) {
        if a != b {
            for j in 0..self.columns {
                self.cells.swap(a * self.columns + j, b * self.columns + j);
            }
        }
    }

    fn scale_row(&mut self, i: usize, factor: u8) {
        for cell in self.row_mut(i) {
            *cell = mul(*cell, factor);
        }
    }

    /// Adds `factor` times the row `from` to the row `to`.
    fn add_row(&mut self, from: usize, factor: u8, to: usize) {
        if factor != 0 {
            for j in 0..self.columns {
                self.cells[to * self.columns + j] ^= mul(factor, self.at(from, j));
            }
        }
    }
}

/// The coefficients of the parity shards from the data shards, one row for each parity shard.
///
/// They are those of ISA-L's `gf_gen_cauchy1_matrix`, except that with one data shard all are 1: the parity shards of
/// a mirror are copies.
pub(super) fn parity_rows(data: usize, parity: usize) -> Matrix {
    assert!(data >= 1 && data + parity <= SHARDS_MAX, "no code of {data} + {parity}");
    Matrix::new(parity, data, |i, j| {
        if data == 1 {
            return 1;
        }
        // Never the inverse of zero: `data + i` is above every `j`.
        u8::try_from((data + i) ^ j).ok().and_then(inverse).unwrap_or(0)
    })
}

/// Which k shards the others are computed from. Slot `j` holds data shard `j` where it is left; the slots of lost data
/// shards hold, in ascending order, the first parity shards that are left.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    data: usize,
    slots: [usize; SHARDS_MAX],
    lost: [usize; SHARDS_MAX],
    lost_count: usize,
}

impl Basis {
    /// Chooses k of the shards that are left, or nothing if fewer are.
    pub(super) fn choose(data: usize, shards: usize, is_left: impl Fn(usize) -> bool) -> Option<Self> {
        let mut basis = Self { data, slots: [0; SHARDS_MAX], lost: [0; SHARDS_MAX], lost_count: 0 };
        let mut spare = (data..shards).filter(|&shard| is_left(shard));
        for j in 0..data {
            if is_left(j) {
                basis.slots[j] = j;
            } else {
                basis.slots[j] = spare.next()?;
                basis.lost[basis.lost_count] = j;
                basis.lost_count += 1;
            }
        }
        Some(basis)
    }

    /// The shards of the basis, in the order of the columns of `rebuild_rows`.
    pub(super) fn slots(&self) -> &[usize] {
        &self.slots[..self.data]
    }

    /// The data shards that are lost, ascending.
    fn lost(&self) -> &[usize] {
        &self.lost[..self.lost_count]
    }
}

/// The coefficients of the `wanted` shards from those of the basis, one row for each; none may be in the basis.
///
/// Nothing comes back only if the matrix of the code were singular, which the tests exclude.
pub(super) fn rebuild_rows(parity: &Matrix, basis: &Basis, wanted: &[usize]) -> Option<Matrix> {
    let (data, lost) = (parity.columns(), basis.lost());
    // Each parity shard in the basis is a sum over the data shards. Moving the ones that are left to the other side
    // gives as many equations as data shards are lost; only that small system is inverted.
    let equation = |s: usize| basis.slots[lost[s]] - data;
    let solved = Matrix::new(lost.len(), lost.len(), |s, r| parity.at(equation(s), lost[r])).inverse()?;
    let lost_rows = Matrix::new(lost.len(), data, |r, j| match lost.binary_search(&j) {
        Ok(s) => solved.at(r, s),
        Err(_) => sum(lost.len(), |s| mul(solved.at(r, s), parity.at(equation(s), j))),
    });
    Some(Matrix::new(wanted.len(), data, |i, j| {
        let shard = wanted[i];
        match lost.binary_search(&shard) {
            Ok(r) => lost_rows.at(r, j),
            Err(_) => {
                let row = parity.row(shard - data);
                let direct = if basis.slots[j] == j { row[j] } else { 0 };
                direct ^ sum(lost.len(), |r| mul(row[lost[r]], lost_rows.at(r, j)))
            }
        }
    }))
}

fn sum(terms: usize, term: impl Fn(usize) -> u8) -> u8 {
    (0..terms).fold(0, |sum, i| sum ^ term(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row `shard` of the identity stacked on the parity rows.
    fn generator_row(parity: &Matrix, shard: usize) -> Vec<u8> {
        match shard.checked_sub(parity.columns()) {
            None => (0..parity.columns()).map(|j| u8::from(j == shard)).collect(),
            Some(i) => parity.row(i).to_vec(),
        }
    }

    /// Every pattern of loss that leaves at least `data` shards, as the set of bits of those left.
    fn patterns(data: usize, parity: usize) -> impl Iterator<Item = u32> {
        (0..1_u32 << (data + parity)).filter(move |left| left.count_ones() as usize >= data)
    }

    #[test]
    fn the_rows_are_those_of_isa_l() {
        // What `gf_gen_cauchy1_matrix(a, 6, 4)` and `(a, 4, 2)` put below the identity.
        let rows = parity_rows(4, 2);
        assert_eq!(rows.row(0), [71, 167, 122, 186]);
        assert_eq!(rows.row(1), [167, 71, 186, 122]);
        let rows = parity_rows(2, 2);
        assert_eq!(rows.row(0), [142, 244]);
        assert_eq!(rows.row(1), [244, 142]);
    }

    #[test]
    fn a_mirror_copies() {
        let rows = parity_rows(1, 31);
        assert!((0..31).all(|i| rows.row(i) == [1]));
    }

    #[test]
    fn every_pattern_of_loss_of_small_codes_can_be_rebuilt() {
        for data in 1..=8 {
            for parity in 0..=4 {
                for left in patterns(data, parity) {
                    rebuilds(data, parity, |shard| left >> shard & 1 == 1);
                }
            }
        }
    }

    #[test]
    fn the_largest_codes_can_be_rebuilt_from_their_last_shards() {
        for data in 1..=SHARDS_MAX {
            let lost = data.min(SHARDS_MAX - data);
            rebuilds(data, SHARDS_MAX - data, |shard| shard >= lost);
        }
    }

    /// The rows rebuilt, multiplied with the generator rows of the basis, must be the generator rows of the lost shards.
    fn rebuilds(data: usize, parity: usize, is_left: impl Fn(usize) -> bool) {
        let rows = parity_rows(data, parity);
        let basis = Basis::choose(data, data + parity, &is_left).unwrap();
        let wanted: Vec<usize> = (0..data + parity).filter(|&shard| !is_left(shard)).collect();
        let rebuild = rebuild_rows(&rows, &basis, &wanted).expect("a Cauchy matrix has no singular part");
        let inputs: Vec<Vec<u8>> = basis.slots().iter().map(|&shard| generator_row(&rows, shard)).collect();
        for (i, &shard) in wanted.iter().enumerate() {
            let row: Vec<u8> =
                (0..data).map(|j| sum(data, |s| mul(rebuild.at(i, s), inputs[s][j]))).collect();
            assert_eq!(row, generator_row(&rows, shard), "{data} + {parity}, shard {shard}");
        }
    }

    #[test]
    fn too_few_shards_make_no_basis() {
        assert!(Basis::choose(4, 6, |shard| shard > 2).is_none());
        assert!(Basis::choose(1, 1, |_| false).is_none());
    }

    #[test]
    fn a_singular_matrix_has_no_inverse() {
        assert_eq!(Matrix::new(2, 2, |_, j| [3, 5][j]).inverse(), None);
    }

    #[test]
    fn a_matrix_without_a_pivot_in_place_is_inverted() {
        let swap = Matrix::new(2, 2, |i, j| u8::from(i != j));
        assert_eq!(swap.inverse(), Some(swap));
    }
}
