//! The cases that the flags choose from a list.

use anyhow::Result;
use clap::Args;
use echo_cases::{Case, Needs};

use crate::args::CheckArgs;
use crate::verdict::Misuse;

/// Those of all cases that the flags choose; `besides` is the name of another one that there is.
pub(super) fn chosen<W: Args, R: 'static>(
    args: &CheckArgs<W>,
    all: impl Iterator<Item = &'static Case<'static, R>>,
    besides: Option<&str>,
) -> Result<Vec<&'static Case<'static, R>>> {
    let all: Vec<_> = all.collect();
    let known =
        |name: &&String| besides == Some(name.as_str()) || all.iter().any(|it| it.name == **name);
    if let Some(name) = args.only.iter().chain(&args.skip).find(|name| !known(name)) {
        return Err(Misuse(format!("no case is called \"{name}\" (--list shows all)")).into());
    }
    let meant = |it: &&'static Case<'static, R>| {
        let ours = it.needs == Needs::Echo || args.ours || is_named(args, it.name);
        is_wanted(args, it.name) && ours
    };
    Ok(all.into_iter().filter(meant).collect())
}

/// Whether it is asked for by its name.
pub(super) fn is_named<W: Args>(args: &CheckArgs<W>, name: &str) -> bool {
    args.only.iter().any(|only| only == name)
}

/// Whether it is asked for, and not left out.
pub(super) fn is_wanted<W: Args>(args: &CheckArgs<W>, name: &str) -> bool {
    let left_out = args.skip.iter().any(|skip| skip == name);
    (args.only.is_empty() || is_named(args, name)) && !left_out
}

/// What is said if no case is left.
pub(super) fn none_is_left() -> anyhow::Error {
    Misuse("no case is left (see --only, --skip and --ours)".into()).into()
}
