"""A service in JavaScript: Node, and the AWS SDK for JavaScript."""
