"""Where preferences come from: the starter set, files, presets of public sets, the Hugging Face hub."""
