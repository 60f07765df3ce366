"""Where preferences come from: the starter set, files, public sets, the Hugging Face hub."""
