"""The pages of the dashboard: rendered here, kept live by one small module in the browser."""
