"""The stock of pictures: sprites, backgrounds and headlines."""
