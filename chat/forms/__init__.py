from chat.forms.accounts import FirstSignUp, SignUp
from chat.forms.settings import ConversationSettings, Personal, PresetForm

__all__ = ["ConversationSettings", "FirstSignUp", "Personal", "PresetForm", "SignUp"]
