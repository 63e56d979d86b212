"""Who pins at a proxy: live, in a test run, and in sources before they run."""
