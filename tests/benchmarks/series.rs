//! The benchmarks one after another, each in a process of its own, and what becomes of their tables.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::{ALL, ALONE, Benchmark, machine, readme};

/// How much longer than its bound a benchmark may take before it is ended: a round more, for one that hangs.
const GRACE: Duration = Duration::from_secs(60);

/// What these tables mean.
const INTRODUCTION: &str = "\
Each end has a processor of its own unless a table says otherwise, and all take turns. A number is the median of the rounds. After it comes \
× its ratio to the first row in the same round: the median, and the range in which that lies with 95 % confidence, which is that of all if there are no more \
than eight rounds. In the first row, and where nothing is compared, the range is that of the number itself.";

/// Measures what the servers and the instruments cost, and prints it in Markdown
///
/// It needs an idle machine with two processors, and for tap and agreement the right to make a network namespace and a TAP interface in it: be root.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p benchmarks --")]
pub(crate) struct Cli {
    /// Those to run [default: all]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(ALL.map(|it| it.name)))]
    names: Vec<String>,

    /// Replace the tables in this file as well: those of benchmarks that are not named as they were found last
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,

    /// One short round of each, which shows only that it works
    #[arg(long)]
    quick: bool,

    /// Added by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Runs what is wanted. One that fails keeps no other from being run.
pub(crate) fn run(cli: &Cli) -> Result<ExitCode> {
    // Cargo starts benchmarks in the folder of their package.
    env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let wanted =
        |it: &&Benchmark| cli.names.is_empty() || cli.names.iter().any(|name| name == it.name);
    let found = Found::on(machine::described(cli.quick))?;
    if let Some(readme) = &cli.readme {
        // What is wrong with it is told before anything is measured.
        replaced(readme, "")?;
        ALL.iter().filter(|it| !wanted(it)).try_for_each(|it| found.text(it).map(drop))?;
    }
    let bound: u64 = ALL.iter().filter(wanted).map(|it| it.bound).sum();
    eprintln!("at most {bound} s");
    let mut failed = 0;
    let mut texts = vec![format!("{}.\n\n{INTRODUCTION}\n", found.machine)];
    println!("{}", texts[0]);
    for benchmark in &ALL {
        if wanted(&benchmark) {
            let text = measured(benchmark, cli.quick).unwrap_or_else(|error| {
                eprintln!("{} failed: {error:#}", benchmark.name);
                failed += 1;
                format!("(`{}` could not be measured: {error:#}.)\n", benchmark.name)
            });
            println!("{text}");
            found.keep(benchmark, &text)?;
        }
        if cli.readme.is_some() {
            texts.push(found.text(benchmark)?);
        }
    }
    if let Some(readme) = &cli.readme {
        let text = replaced(readme, &texts.join("\n"))?;
        fs::write(readme, text).with_context(|| format!("cannot write {}", readme.display()))?;
    }
    ensure!(failed == 0, "{failed} of the benchmarks failed");
    Ok(ExitCode::SUCCESS)
}

/// What one prints, within its bound.
fn measured(benchmark: &Benchmark, quick: bool) -> Result<String> {
    let (name, start) = (benchmark.name, Instant::now());
    let bound = Duration::from_secs(benchmark.bound);
    let mut command = Command::new(env::current_exe()?);
    command.args([ALONE, name]).args(quick.then_some("--quick")).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start it")?;
    eprintln!("{name}: at most {} s", benchmark.bound);
    let mut stdout = child.stdout.take().context("no stdout")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        let _ = sender.send(read.map(|_| text));
    });
    let Ok(text) = receiver.recv_timeout(bound + GRACE) else {
        child.kill()?;
        child.wait()?;
        bail!("not done after {} s", start.elapsed().as_secs());
    };
    let (text, status) = (text?, child.wait()?);
    let reason = if text.is_empty() { status.to_string() } else { text.clone() };
    ensure!(status.success(), reason);
    eprintln!("{name}: {} s", start.elapsed().as_secs());
    Ok(text)
}

/// The tables that were found last, on this machine.
struct Found {
    machine: String,
    folder: PathBuf,
}

impl Found {
    fn on(machine: String) -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benchmarks");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { machine, folder })
    }

    fn path(&self, benchmark: &Benchmark) -> PathBuf {
        self.folder.join(benchmark.name).with_extension("md")
    }

    fn keep(&self, benchmark: &Benchmark, text: &str) -> Result<()> {
        let path = self.path(benchmark);
        fs::write(&path, format!("{}\n{text}", self.machine))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn text(&self, benchmark: &Benchmark) -> Result<String> {
        let text = fs::read_to_string(self.path(benchmark)).unwrap_or_default();
        let text = text.strip_prefix(&format!("{}\n", self.machine));
        let name = benchmark.name;
        Ok(text.with_context(|| format!("{name} was not measured like this: name it, too"))?.into())
    }
}

/// The text of the file with these tables.
fn replaced(readme: &Path, tables: &str) -> Result<String> {
    let name = readme.display();
    let old = fs::read_to_string(readme).with_context(|| format!("cannot read {name}"))?;
    readme::replaced(&old, tables).with_context(|| format!("{name} lacks {:?}", readme::MARKS))
}
