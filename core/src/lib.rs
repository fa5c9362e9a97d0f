//! Echo rules.
#![no_std]
