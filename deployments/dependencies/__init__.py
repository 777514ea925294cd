"""What Millrace is built on: under which licences, and with which known vulnerabilities. `make lint` asks."""
