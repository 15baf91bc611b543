//! A table in Parquet, written a group of rows at a time.

use std::io::Write;
use std::sync::Arc;

use constellation::sweep::Finished;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::columns::{COLUMNS, Column};

/// A file that is being written; the same runs give the same bytes.
pub struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<Finished>,
}

/// Rows that are in memory at once.
const GROUP: usize = 1 << 14;

impl<W: Write + Send> ParquetFile<W> {
    /// A table without rows.
    ///
    /// # Errors
    /// If `file` cannot be written.
    pub fn new(file: W) -> Result<Self> {
        let field = |(name, column): &(&str, Column)| match column {
            Column::Whole(_) => format!("REQUIRED INT64 {name} (INTEGER(64, false));"),
            Column::Number(_) => format!("REQUIRED DOUBLE {name};"),
            Column::Optional(_) => format!("OPTIONAL DOUBLE {name};"),
            Column::Truth(_) => format!("REQUIRED BOOLEAN {name};"),
            Column::Word(_) => format!("REQUIRED BYTE_ARRAY {name} (STRING);"),
        };
        let fields: String = COLUMNS.iter().map(field).collect();
        let schema = parse_message_type(&format!("message runs {{ {fields} }}"))?;
        let properties = Arc::new(WriterProperties::default());
        Ok(Self { writer: SerializedFileWriter::new(file, Arc::new(schema), properties)?, rows: Vec::new() })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, run: Finished) -> Result<()> {
        self.rows.push(run);
        if self.rows.len() == GROUP { self.write_group() } else { Ok(()) }
    }

    /// Writes what is left, and the table of contents.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        self.writer.close()?;
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.writer.next_row_group()?;
        for (_, column) in COLUMNS {
            match column {
                Column::Whole(of) => write_column::<_, Int64Type>(
                    &mut group,
                    rows.iter().map(|run| of(run).cast_signed()),
                    None,
                ),
                Column::Number(of) => write_column::<_, DoubleType>(&mut group, rows.iter().map(of), None),
                Column::Optional(of) => {
                    let is_there: Vec<i16> = rows.iter().map(|run| of(run).is_some().into()).collect();
                    write_column::<_, DoubleType>(&mut group, rows.iter().filter_map(of), Some(&is_there))
                }
                Column::Truth(of) => write_column::<_, BoolType>(&mut group, rows.iter().map(of), None),
                Column::Word(of) => {
                    let words = rows.iter().map(|run| ByteArray::from(of(run)));
                    write_column::<_, ByteArrayType>(&mut group, words, None)
                }
            }?;
        }
        group.close()?;
        Ok(())
    }
}

/// The next column of a group: its values, and whether each row has one if not all do.
fn write_column<W: Write + Send, T: DataType>(
    group: &mut SerializedRowGroupWriter<W>,
    values: impl Iterator<Item = T::T>,
    is_there: Option<&[i16]>,
) -> Result<()> {
    let mut column = group.next_column()?.expect("the schema has all columns");
    column.typed::<T>().write_batch(&values.collect::<Vec<_>>(), is_there, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use constellation::{Experiment, Settings};
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let run = Experiment { pairs: 4, dim: 3, epochs: 5, seed: u64::MAX, ..Experiment::default() };
        let run = run.train_with(Settings::default(), &mut |_| ()).unwrap();
        let row = |seed: u64| Finished {
            experiment: Experiment {
                seed,
                adapter: seed.is_multiple_of(2).then_some(0.5),
                ..run.experiment.clone()
            },
            summary: run.summary(),
        };
        let rows = GROUP as u64 + 3;
        let file = tempfile::tempfile().unwrap();
        let mut table = ParquetFile::new(&file).unwrap();
        (0..rows).for_each(|seed| table.add(row(u64::MAX - seed)).unwrap());
        table.finish().unwrap();

        let read = SerializedFileReader::new(file).unwrap();
        assert_eq!(read.metadata().num_row_groups(), 2);
        for (number, read) in read.get_row_iter(None).unwrap().enumerate() {
            let fields: Vec<_> = read.unwrap().into_columns();
            let value = |name: &str| fields.iter().find(|(column, _)| column == name).unwrap().1.clone();
            assert_eq!(fields.len(), COLUMNS.len());
            assert_eq!(value("seed"), Field::ULong(u64::MAX - number as u64));
            assert_eq!(value("adapter"), if number % 2 == 1 { Field::Double(0.5) } else { Field::Null });
            assert_eq!(value("margin"), Field::Double(run.margin()));
            assert_eq!(value("bias_kind"), Field::Str("relative".to_owned()));
            assert_eq!(value("temperature_trainable"), Field::Bool(true));
        }
    }
}
