"""A service in Rust: Axum, and the AWS SDK for Rust."""
