//! Pickers, health state, outlier ejection, retry budget and stickiness.
