"""What is known and how it is compared: names, numbers, dates, ISBNs, languages."""
