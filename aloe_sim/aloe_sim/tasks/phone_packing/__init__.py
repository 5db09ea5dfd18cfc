"""Phone packing: a phone into its case, pressed home."""
