//! Models in Python on real processes: how they load, answer, die and come back. Needs `python3`, and no packages.

mod dying;
mod loading;
mod support;
