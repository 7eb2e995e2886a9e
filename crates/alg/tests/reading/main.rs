//! Every gateway's reader as a network shows it a conversation: dialogues written by hand, the fuzzer's
//! corpus, and what it once found.

mod corpus;
mod dialogues;
mod harness;
mod hostile;
mod messages;
