"""What is checked: models, tables, scenarios, and how they are found."""
