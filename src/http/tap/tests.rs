//! Taps over real sockets.
