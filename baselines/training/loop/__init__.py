"""The loop of experience: plans are carried out, and the planner learns those that went well."""
