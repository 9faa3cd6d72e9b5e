"""Names and columns of the use case: standard library only, since the Dags import it when they are parsed."""

from datetime import timedelta

DATASET = "flights"
SERVED = "flights_served"  # day by day, without the label: nobody knows it yet
MODEL = "flight_delays"

ROW_ID = "row_id"
TIME_COLUMN = "scheduled_departure"
LABEL = "late"
KNOWN_AT = "known_at"

WEATHER = (
    "temperature",
    "dew_point",
    "humidity",
    "wind_direction",
    "wind_speed",
    "precipitation",
    "pressure",
    "visibility",
)
NUMERIC = (
    "minute_of_day",
    "weekday",
    "departures_in_hour",
    "distance",
    "block_minutes",
    "aircraft_age",
    "seats",
    *WEATHER,
)
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = NUMERIC + CATEGORICAL

SLICES = ("origin", "carrier")
# Whole days are drawn, as the policy demands, and one weather observation in five is left out, to see what it costs.
EVALUATION = {
    "dependence": {"time": TIME_COLUMN, "block_days": 1},
    "stress": {"weather_missing": {"kind": "missing", "share": 0.2, "columns": list(WEATHER)}},
}

# What the policy demands to be known of every version; a real model names its owner's team and its rule book.
GOVERNANCE = {
    "owner": "operations research",
    "intended_use": "plan gates and connections two hours ahead; not for decisions about people",
    "risk_tier": "minimal",
    "regulatory_standard": "none: no personal data",
    "retention": "2 years after the last use",
}

MATURITY = timedelta(days=1)  # the last flight of a day has landed, or never will
WATCHED_DAYS = 14  # each day of the week twice, and enough days to draw intervals from

LATE_AFTER_MINUTES = 15
KNOWN_BEFORE_DEPARTURE_HOURS = 2

# What the pipeline is made of beyond the types that skops trusts by itself; nothing else is ever loaded.
TRUSTED_TYPES = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
