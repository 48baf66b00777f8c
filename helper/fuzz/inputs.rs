//! The inputs that are kept of a fuzz target, for ordinary tests. Included by path where the target's parser lies.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Runs all kept inputs of a target through its property, then so many that are made of them by small changes, the
/// same ones each time. The seeds must have one that is taken and one that is refused: else nothing is shown.
pub(super) fn check(target: &str, property: fn(&[u8]) -> bool, changed: u32) {
    let seeds = inputs("seeds", target);
    let found = inputs("found", target);
    let mut outcomes = Vec::new();
    for (path, input) in &seeds {
        outcomes.push(run(target, property, input, &path.display().to_string()));
    }
    for verdict in [true, false] {
        assert!(
            outcomes.contains(&verdict),
            "{target}: no seed that is {}",
            if verdict { "taken" } else { "refused" }
        );
    }
    for (path, input) in &found {
        run(target, property, input, &path.display().to_string());
    }
    let all: Vec<_> = seeds
        .into_iter()
        .chain(found)
        .map(|(_, input)| input)
        .collect();
    let mut chance = Chance(1);
    for _ in 0..changed {
        let input = chance.change(&all);
        run(target, property, &input, "a changed input");
    }
}

fn run(target: &str, property: fn(&[u8]) -> bool, input: &[u8], name: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| property(input))).unwrap_or_else(|_| {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{target}: {name} breaks a promise; scripts/fuzz replay {target} {hex}");
    })
}

/// The files of a target: `.hex` as bytes, all others as they are.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = crates.map(|folder| folder.join("helper/fuzz").join(kind));
    let folder = folders.find(|folder| folder.is_dir()).unwrap().join(target);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        let is_hex = path.extension().is_some_and(|extension| extension == "hex");
        let bytes = if is_hex { unhex(&bytes, &path) } else { bytes };
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

fn unhex(text: &[u8], path: &Path) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Option<Vec<_>> = digits.map(digit).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0);
    let digits = digits.unwrap_or_else(|| panic!("{} is no hex", path.display()));
    let bytes = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8);
    bytes.collect()
}

/// The same numbers in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// One of the inputs with up to four changes.
    fn change(&mut self, all: &[Vec<u8>]) -> Vec<u8> {
        let mut input = all[self.below(all.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let other = &all[self.below(all.len())];
            match self.below(7) {
                0 => input.truncate(at),
                1 => input.insert(at, self.below(256) as u8),
                2 if at < input.len() => _ = input.remove(at),
                3 => input.extend_from_slice(&other[self.below(other.len() + 1)..]),
                4 if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                5 if at < input.len() => input[at] ^= 1 << self.below(8),
                _ if at < input.len() => input[at] = self.below(256) as u8,
                _ => {}
            }
        }
        input
    }
}
