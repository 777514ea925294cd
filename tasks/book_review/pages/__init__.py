"""Reading a shop's page: source, text, labels, numbers, dates, structured data, and Amazon's own markup."""
